/** Messages of our own to the processing queue, and what lies in it. */
export * as Queue from "./queue.ts";

import { Resource } from "sst";
import type { Check } from "../records/message.ts";
import { signer } from "./presign.ts";

/** A look that is asked for. */
export type Sent = Omit<Check, "kind">;

/** Asks for looks at these keys, in batches of ten. Throws if the queue took any of them not. */
export async function send(checks: readonly Sent[]): Promise<void> {
  for (let i = 0; i < checks.length; i += 10) {
    const answer = await call("SendMessageBatch", {
      QueueUrl: Resource.Processing.url,
      Entries: checks.slice(i, i + 10).map((check, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ kind: "check", ...check } satisfies Check),
      })),
    });
    const { Failed: failed = [] } = answer as { Failed?: unknown[] };
    if (failed.length > 0) throw new Error(`The queue refused messages: ${JSON.stringify(failed)}`);
  }
}

/** How many messages wait, and how many are being worked on: about, as SQS puts it. */
export async function depth(queueURL: string): Promise<{ waiting: number; taken: number }> {
  const { Attributes } = (await call("GetQueueAttributes", {
    QueueUrl: queueURL,
    AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
  })) as { Attributes: Record<string, string> };
  return {
    waiting: Number(Attributes.ApproximateNumberOfMessages),
    taken: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
  };
}

/** Calls SQS by its JSON protocol. Throws unless it answers well. */
export async function call(operation: string, input: object): Promise<unknown> {
  const response = await (await signer("sqs")).fetch(new URL(Resource.Processing.url).origin, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${operation}` },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The queue refused ${operation} (${response.status}): ${text}`);
  return text ? JSON.parse(text) : {};
}
