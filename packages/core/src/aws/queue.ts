/** The processing queue with its dead-letter queue (DLQ), and the queues of imports and of deliveries to webhooks. */
export * as Queue from "./queue.ts";

import {
  GetQueueAttributesCommand,
  ListMessageMoveTasksCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SQSClient,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { Resource } from "sst";
import { ID } from "../id.ts";
import type { Check, Importing } from "../records/message.ts";
import { backoff } from "../time.ts";
import { limits } from "./limits.ts";

let shared: SQSClient | undefined;

/** The process's one SQS client, created at its first use. Operations without a queue URL go to the queues' host. */
export function client(): SQSClient {
  shared ??= new SQSClient({ ...limits, endpoint: new URL(Resource.Deliveries.url).origin });
  return shared;
}

/** A check to send. */
export type Sent = Omit<Check, "kind">;

/** Sends checks in batches of ten. Throws if SQS accepts any of them not. */
export async function send(checks: readonly Sent[]): Promise<void> {
  for (let i = 0; i < checks.length; i += 10) {
    const Entries = checks.slice(i, i + 10).map((check, index) => ({
      Id: String(index),
      MessageBody: JSON.stringify({ kind: "check", ...check } satisfies Check),
      // A fair queue by owner: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
      MessageGroupId: ID.groupOf(check.key),
    }));
    await sendBatch(Entries, Resource.Processing.url);
  }
}

/** Message to the sender of webhooks: one attempt at a delivery. `committed`: its transition was written; `slow`: it is in the queue of slow receivers. */
export type Attempt = {
  webhookID: string;
  deliveryID: string;
  tries: number;
  committed?: boolean;
  slow?: boolean;
};

/** Longest delay of a message, in seconds: a limit of SQS. */
export const delayMax = 900;

/** Sends attempts, each after a delay in seconds, in batches of ten. Throws if SQS accepts any of them not. */
export const deliver = (attempts: readonly Attempt[], delaySeconds = 0): Promise<void> =>
  sendAttempts(attempts, delaySeconds, Resource.Deliveries.url);

/** Sends an attempt to the queue of slow receivers. */
export const deliverSlowly = (attempt: Attempt): Promise<void> =>
  sendAttempts([{ ...attempt, slow: true }], 0, Resource.SlowDeliveries.url);

async function sendAttempts(attempts: readonly Attempt[], DelaySeconds: number, url: string): Promise<void> {
  for (let i = 0; i < attempts.length; i += 10) {
    const Entries = attempts.slice(i, i + 10).map((attempt, index) => ({
      Id: String(index),
      MessageBody: JSON.stringify(attempt),
      DelaySeconds,
      // A fair queue by endpoint, so that a receiver that does not answer delays no other.
      MessageGroupId: attempt.webhookID,
    }));
    await sendBatch(Entries, url);
  }
}

/** Sends an import, after a delay in seconds of at most 15 minutes. */
export async function sendImport(message: Importing, delaySeconds = 0): Promise<void> {
  const entry = {
    Id: "0",
    MessageBody: JSON.stringify(message),
    DelaySeconds: Math.min(delaySeconds, delayMax),
    // A fair queue by owner, so that an owner's slow sources delay no other owner.
    MessageGroupId: ID.groupOf(message.key),
  };
  await sendBatch([entry], Resource.Imports.url);
}

/** Sends a batch, and those entries again that SQS could not accept, which the SDK does not repeat. */
async function sendBatch(
  Entries: SendMessageBatchRequestEntry[],
  QueueUrl: string,
  attempt = 1,
): Promise<void> {
  const command = new SendMessageBatchCommand({ QueueUrl, Entries });
  const { Failed = [] } = await client().send(command);
  const [first] = Failed;
  if (!first) return;
  if (attempt < limits.maxAttempts && !Failed.some(({ SenderFault }) => SenderFault)) {
    await backoff(attempt);
    const ids = new Set(Failed.map(({ Id }) => Id));
    return sendBatch(
      Entries.filter(({ Id }) => ids.has(Id)),
      QueueUrl,
      attempt + 1,
    );
  }
  const { Code, Message = "no message" } = first;
  throw new Error(`SQS refused ${Failed.length} of ${Entries.length} messages: ${Code}, ${Message}.`);
}

/** Returns about how many messages wait and how many are in flight. */
export async function depth(QueueUrl: string): Promise<{ waiting: number; taken: number }> {
  const { Attributes = {} } = await client().send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    }),
  );
  return {
    waiting: Number(Attributes.ApproximateNumberOfMessages),
    taken: Number(Attributes.ApproximateNumberOfMessagesNotVisible),
  };
}

/** Returns about how many dead letters there are. */
export async function deadLetters(): Promise<number> {
  const { waiting, taken } = await depth(Resource.DeadLetters.url);
  return waiting + taken;
}

/** Progress of a redrive in messages; `total` is SQS's estimate. */
export type Progress = { moved: number; total: number; done: boolean };

/** Milliseconds between two requests for the progress of a redrive. */
const pollMs = 500;

/**
 * Moves all dead letters back to the queue that they came from, and yields the progress until it is done. Throws if
 * the task fails; messages that were not moved stay in the DLQ.
 */
export async function* redrive(): AsyncGenerator<Progress> {
  const SourceArn = arnOf(Resource.DeadLetters.url, await client().config.region());
  await client().send(new StartMessageMoveTaskCommand({ SourceArn }));
  for (;;) {
    const { Results = [] } = await client().send(
      new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 }),
    );
    const [task] = Results;
    if (!task) throw new Error(`SQS lists no redrive task for ${SourceArn}. Run the redrive again.`);
    if (task.Status === "FAILED") {
      const reason = task.FailureReason ?? "SQS gave no reason";
      throw new Error(`The redrive of ${SourceArn} failed: ${reason}. Messages not moved are still there.`);
    }
    const moved = task.ApproximateNumberOfMessagesMoved ?? 0;
    const done = task.Status !== "RUNNING";
    yield { moved, total: Math.max(moved, task.ApproximateNumberOfMessagesToMove ?? 0), done };
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Derives a queue's ARN from its URL, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME. */
function arnOf(url: string, region: string): string {
  const [, account, name] = new URL(url).pathname.split("/");
  return `arn:aws:sqs:${region}:${account}:${name}`;
}
