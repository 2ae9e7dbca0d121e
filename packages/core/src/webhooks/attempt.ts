/** One attempt at a delivery: a signed POST to the receiver. */
export * as Attempt from "./attempt.ts";

import { Webhook as Signer } from "standardwebhooks";
import { Egress } from "../egress/egress.ts";
import { EgressError } from "../egress/egress-error.ts";
import type { Target } from "../egress/target.ts";
import { Outgoing } from "../records/outgoing.ts";

/** Milliseconds in which the receiver must have answered. */
const answerMs = 15_000;

/** Milliseconds of these in which the connection must be open. */
const connectMs = 5_000;

/** Bytes of the answer that are read. Its content has no meaning. */
const answerBytesMax = 1_024;

/** A message to a receiver; `secrets` sign it, in this order. */
export type Message = { id: string; url: string; body: string; secrets: readonly string[] };

/** Sends the request of an attempt, as `Egress.send` does. */
export type Post = (...given: [Egress.Request, Egress.Limits, Target.Policy]) => Promise<Egress.Response>;

/** The network and the time limit of an attempt, which tests replace. */
export type Means = { post?: Post; timeoutMs?: number };

/** The result: the receiver's status, or the reason why there is none. `retryAfterMs` is what the receiver asks for. */
export type Result = { ok: boolean; status?: number; error?: string; retryAfterMs?: number };

/** Sends a message. Only a 2xx is a success; redirects are not followed. Never throws. */
export async function send(
  { id, url, body, secrets }: Message,
  policy: Target.Policy,
  { post = Egress.send, timeoutMs = answerMs }: Means = {},
): Promise<Result> {
  const now = new Date();
  const signatures = secrets.map((secret) => new Signer(secret).sign(id, now, body));
  const headers = {
    "content-type": "application/json",
    "user-agent": "image-pipeline-webhooks",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": signatures.join(" "),
  };
  const limits = { bytesMax: answerBytesMax, truncate: true, connectMs, totalMs: timeoutMs, redirectsMax: 0 };
  try {
    const request = { method: "POST", url, headers, body: Buffer.from(body) } as const;
    const { status, headers: answered } = await post(request, limits, policy);
    if (Outgoing.rules.isReceived(status)) return { ok: true, status };
    const retryAfterMs = retryAfterOf(answered["retry-after"], now);
    return {
      ok: false,
      status,
      error: status >= 300 && status < 400 ? "redirect" : "status",
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  } catch (error) {
    return { ok: false, error: error instanceof EgressError ? error.reason : "unreachable" };
  }
}

/** Parses `Retry-After`, in seconds or as a date. */
function retryAfterOf(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now.getTime();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
