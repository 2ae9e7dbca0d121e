/** Receivers of webhooks: each answers as its mode says, and remembers the messages that it kept. */
import type { Egress } from "@image-pipeline/core/egress/egress";
import { EgressError } from "@image-pipeline/core/egress/egress-error";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import { type Fault, gate, now, sleep } from "./scheduler.ts";

/**
 * `down` refuses connections, `stalling` never answers, `lying` keeps a message and answers 500, `moved` redirects, `busy`
 * asks for an hour with `Retry-After`, `gone` answers 410. All but `lying` and `well` forget the message.
 */
export const modes = ["well", "down", "stalling", "lying", "moved", "busy", "gone"] as const;
export type Mode = (typeof modes)[number];

/** A message that a receiver kept: its event, the id that tells repeated ones apart, when it came, and how it is signed. */
export type Received = {
  messageID: string;
  type: string;
  imageID: string;
  version: number;
  title?: string;
  status: string;
  at: number;
  body: string;
  /** Seconds since 1970, by the sender's clock. */
  timestamp: number;
  signatures: string;
};

/** A receiver by its name, which is the path of its URL. */
export type Receiver = { mode: Mode; received: Received[] };

/** Every event. The product's list is in a module that reads the settings when it is loaded. */
export const everyEvent: readonly EventType[] = [
  "image.ready",
  "image.rejected",
  "image.failed",
  "image.updated",
  "image.deleted",
];

/** Base of the receivers' URLs. The port is never connected to. */
export const receiversURL = "http://127.0.0.1:9/";

type Post = (request: Egress.Request, limits: Egress.Limits) => Promise<Egress.Response>;

const statuses: Partial<Record<Mode, number>> = { lying: 500, moved: 302, busy: 503, gone: 410 };

/** Returns the network to the receivers of the current world, in place of `Egress.send`. Each request waits at a gate. */
export function networkOf(receivers: () => ReadonlyMap<string, Receiver>): Post {
  return async ({ url, headers = {}, body }, { totalMs }) => {
    const receiver = receivers().get(url.slice(receiversURL.length));
    if (!receiver) throw new EgressError("unreachable", `No receiver has the URL ${url}.`);
    const answer = await gate(`POST ${url}`, async () => answerOf(receiver, headers, body), spoil);
    if (answer !== "none") return answer;
    await sleep(totalMs);
    throw new EgressError("timeout", `The receiver did not answer within ${totalMs} ms.`);
  };
}

function answerOf(
  { mode, received }: Receiver,
  headers: Readonly<Record<string, string>>,
  body: Buffer | undefined,
): Egress.Response | "none" {
  if (mode === "down") throw new EgressError("unreachable", "The connection was refused.");
  if (mode === "stalling") return "none";
  if (mode === "well" || mode === "lying") received.push(parse(headers, body));
  return {
    status: statuses[mode] ?? 204,
    headers: mode === "busy" ? { "retry-after": "3600" } : {},
    body: Buffer.alloc(0),
  };
}

function parse(headers: Readonly<Record<string, string>>, body: Buffer | undefined): Received {
  const { type, data } = JSON.parse(String(body)) as { type: string; data: Data };
  const { id, version, title, status } = data;
  return {
    ...{ type, imageID: id, version, title, status, at: now(), body: String(body) },
    messageID: headers["webhook-id"] ?? "",
    timestamp: Number(headers["webhook-timestamp"]),
    signatures: headers["webhook-signature"] ?? "",
  };
}

type Data = { id: string; version: number; title?: string; status: string };

/** Faults of the network: an answer that is lost, or none at all. */
async function spoil(fault: Exclude<Fault, "none">): Promise<"none"> {
  if (fault === "throttle" || fault === "time out after") return "none";
  throw new EgressError("unreachable", `Injected: ${fault}.`);
}
