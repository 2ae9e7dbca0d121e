/**
 * A queue in memory with the semantics of an SQS fair queue and its event source mapping: at-least-once delivery without
 * order, shared fairly between message groups, a visibility timeout, deletion only after success, and a dead-letter queue
 * after too many receives. The reconciler finds the messages that a crash loses.
 */
import { createHash, randomUUID } from "node:crypto";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type Clock, systemClock } from "./clock.ts";
import { fairSet } from "./fair-set.ts";

/** A message; times in milliseconds since 1970. `group` is SQS's `MessageGroupId`. */
export type Message = {
  id: string;
  body: string;
  group?: string;
  sentAt: number;
  receives: number;
  firstReceivedAt?: number;
};

export type Options = {
  name: string;
  region: string;
  /** The consumer. If it rejects, it has crashed: the message stays hidden until its visibility timeout. */
  consume(event: SQSEvent): Promise<SQSBatchResponse | undefined>;
  /** Messages in flight at once, each in a batch of one. */
  concurrency: number;
  visibilityTimeoutMs: number;
  /**
   * Backoff in milliseconds for a message that the consumer reported as failed: after the first receive, the second
   * and so on; then the visibility timeout applies. SQS has no such option, but a user at a desk waits for it.
   */
  retryMs?: readonly number[];
  /** Receives after which a message moves to `deadLetters`. Without both it is retried for ever. */
  maxReceiveCount?: number;
  deadLetters?: Pick<Queue, "take">;
  /** Called after every failed receive. */
  onFailure?(message: Message, error: Error): void;
  clock?: Clock;
};

/**
 * A running queue. `depth` counts visible and hidden messages; `drain` removes and returns the visible ones. `idle`
 * resolves when the queue is empty. `stop` ends delivery and waits for the messages in flight.
 */
export type Queue = {
  send(body: string, options?: { delayMs?: number; group?: string }): Message;
  take(message: Message): void;
  depth(): { waiting: number; hidden: number };
  drain(): Message[];
  idle(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a queue, which delivers messages as soon as they arrive. */
export function startQueue(options: Options): Queue {
  const { concurrency, visibilityTimeoutMs, retryMs = [], clock = systemClock } = options;
  const { maxReceiveCount = Number.POSITIVE_INFINITY, deadLetters } = options;
  const arn = `arn:aws:sqs:${options.region}:000000000000:${options.name}`;
  /** Every message that is not deleted; for a hidden one, the function that cancels its timer. */
  const kept = new Map<Message, (() => void) | undefined>();
  const visible = fairSet<Message>();
  const running = new Set<Promise<void>>();
  let waiting: (() => void)[] = [];
  let stopped = false;

  const take = (message: Message, delayMs = 0) => {
    kept.set(message, undefined);
    if (delayMs > 0) hide(message, delayMs);
    else show(message);
  };

  const hide = (message: Message, ms: number) => {
    kept.get(message)?.();
    visible.delete(message);
    kept.set(
      message,
      clock.after(ms, () => show(message)),
    );
  };

  const show = (message: Message) => {
    kept.set(message, undefined);
    visible.add(message);
    pump();
  };

  const forget = (message: Message) => {
    kept.get(message)?.();
    kept.delete(message);
    visible.delete(message);
    if (kept.size > 0) return;
    for (const done of waiting) done();
    waiting = [];
  };

  const pump = () => {
    while (!stopped && running.size < concurrency) {
      const message = visible.next();
      if (!message) return;
      if (deadLetters && message.receives >= maxReceiveCount) {
        deadLetters.take({ ...message });
        forget(message);
        continue;
      }
      const done = visible.start(message);
      const run = deliver(message).finally(() => {
        done();
        running.delete(run);
        pump();
      });
      running.add(run);
    }
  };

  const deliver = async (message: Message) => {
    const receive = ++message.receives;
    message.firstReceivedAt ??= clock.now();
    hide(message, visibilityTimeoutMs);
    try {
      const answer = await options.consume(eventOf(message, arn, options.region));
      // A batch of one: any id in the answer means this message.
      if (!answer?.batchItemFailures?.length) return forget(message);
      options.onFailure?.(message, new Error("The function reported the message as failed."));
      const soon = retryMs[receive - 1];
      // If it was received again meanwhile, another consumer has it, and this answer is stale.
      if (soon !== undefined && message.receives === receive && kept.has(message)) hide(message, soon);
    } catch (error) {
      options.onFailure?.(message, error instanceof Error ? error : new Error(String(error)));
    }
  };

  return {
    take,
    send: (body, { delayMs, group } = {}) => {
      const message = { id: randomUUID(), body, group, sentAt: clock.now(), receives: 0 };
      take(message, delayMs);
      return message;
    },
    depth: () => ({ waiting: visible.size(), hidden: kept.size - visible.size() }),
    drain: () => {
      const messages = visible.all();
      for (const message of messages) forget(message);
      return messages;
    },
    idle: () => (kept.size === 0 ? Promise.resolve() : new Promise((done) => waiting.push(done))),
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      for (const cancel of kept.values()) cancel?.();
    },
  };
}

/** Returns the event of Lambda's SQS event source for one message. */
function eventOf(
  { id, body, group, sentAt, receives, firstReceivedAt }: Message,
  arn: string,
  region: string,
): SQSEvent {
  const record: SQSRecord = {
    messageId: id,
    receiptHandle: randomUUID(),
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: String(sentAt),
      SenderId: "local",
      ApproximateFirstReceiveTimestamp: String(firstReceivedAt),
      ...(group !== undefined && { MessageGroupId: group }),
    },
    messageAttributes: {},
    md5OfBody: createHash("md5").update(body).digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: arn,
    awsRegion: region,
  };
  return { Records: [record] };
}
