/** Messages of our own to the processing queue. */
export * as Queue from "./queue.ts";

import { Resource } from "sst";
import type { Check } from "./signal.ts";
import { signer } from "./signed.ts";

/** Asks for looks at these keys, in batches of ten. Throws if the queue took any of them not. */
export async function send(checks: readonly Omit<Check, "kind">[]): Promise<void> {
  const aws = await signer("sqs");
  for (let i = 0; i < checks.length; i += 10) {
    const batch = checks.slice(i, i + 10);
    const response = await aws.fetch(new URL(Resource.Processing.url).origin, {
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessageBatch" },
      body: JSON.stringify({
        QueueUrl: Resource.Processing.url,
        Entries: batch.map((check, index) => ({
          Id: String(index),
          MessageBody: JSON.stringify({ kind: "check", ...check } satisfies Check),
        })),
      }),
    });
    const text = await response.text();
    const failed = response.ok ? (JSON.parse(text) as { Failed?: unknown[] }).Failed : undefined;
    if (!response.ok || failed?.length)
      throw new Error(`The queue refused messages (${response.status}): ${text}`);
  }
}
