/** Puts a gate before every request that the product's own clients make: DynamoDB's, S3's, and signed `fetch`. */

import type { Storage } from "@image-pipeline/core/aws/storage";
import { DynamodbError } from "@image-pipeline/core/table/dynamodb";
import type { Table } from "@image-pipeline/core/table/table";
import { type Fault, gate, type Job, jobHere } from "./jobs.ts";

/** A request that took effect, whatever its sender came to know of it. */
export type Applied = { operation: string; input: object; job: Job | undefined };

type Trouble = Exclude<Fault, "none">;

/** Puts them in, for good: clients live as long as the process. `onApplied` is told before the sender is. */
export function installGates(
  clients: { storage: typeof Storage.client; table: typeof Table.client },
  onApplied: (applied: Applied) => Promise<void>,
): void {
  const gated: AnyMiddleware = (next, context) => (args) => {
    const operation = String(context.commandName).replace(/Command$/, "");
    const job = jobHere();
    const perform = async () => {
      // Node's servers date their answers by the real clock, and the SDK would put its own right by that.
      clients.storage.config.systemClockOffset = 0;
      const answer = await next(args);
      await onApplied({ operation, input: args.input, job });
      return answer;
    };
    return gate(`${operation} ${keyIn(args.input)}`, perform, storageTrouble);
  };
  // Inside the client's own retries, so that each try is a request of its own.
  const place = { relation: "after", toMiddleware: "retryMiddleware", name: "gate" } as const;
  clients.storage.middlewareStack.addRelativeTo(gated, place);
  const { attempt } = clients.table;
  clients.table.attempt = (operation, input) => {
    const job = jobHere();
    const perform = async () => {
      const answer = await attempt(operation, input);
      await onApplied({ operation, input, job });
      return answer;
    };
    return gate(`${operation} ${keyIn(input)}`, perform, tableTrouble);
  };
  const realFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    return gate(`${request.method} ${request.url}`, () => realFetch(request), fetchTrouble);
  };
}

/** A middleware that does not care whose it is. */
type AnyMiddleware = <Args extends { input: object }, Answer>(
  next: (args: Args) => Promise<Answer>,
  context: { commandName?: string },
) => (args: Args) => Promise<Answer>;

async function storageTrouble(fault: Trouble): Promise<never> {
  if (fault === "throttle")
    throw Object.assign(new Error("Slow down."), { name: "ThrottlingException", $metadata: {} });
  if (fault === "time out after")
    throw Object.assign(new Error("No answer came in time."), { name: "TimeoutError", $metadata: {} });
  throw Object.assign(new Error(`Injected: ${fault}.`), { name: "InjectedError", $metadata: {} });
}

async function tableTrouble(fault: Trouble): Promise<never> {
  if (fault === "throttle") throw new DynamodbError("ThrottlingException", "Slow down.", 400);
  if (fault === "time out after")
    throw Object.assign(new Error("No answer came in time."), { name: "AbortError", code: "ABORT_ERR" });
  throw Object.assign(new Error(`Injected: ${fault}.`), { name: "InjectedError" });
}

async function fetchTrouble(fault: Trouble): Promise<Response> {
  if (fault === "throttle" || fault === "time out after") return new Response("Slow down.", { status: 503 });
  throw new TypeError(`Injected: ${fault}.`);
}

/** Enough of a request to tell it from others made at the same time. */
function keyIn(input: object): string {
  const { Key, Item, Bucket } = input as Record<string, unknown>;
  const subject = Key ?? Item ?? Bucket ?? "";
  if (typeof subject === "string") return subject;
  const { pk, sk } = subject as Record<string, { S?: string } | undefined>;
  return `${pk?.S} ${sk?.S}`;
}
