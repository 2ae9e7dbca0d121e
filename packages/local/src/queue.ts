/**
 * A queue in memory that behaves as SQS does in front of a Lambda function: at least once, in no promised order,
 * hidden for the visibility timeout while it is being worked on, deleted only after success, and put among the dead
 * letters when it has been received too often. What a crash loses, the reconciler finds again.
 */
import { createHash, randomUUID } from "node:crypto";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";

/** A message as SQS keeps it; times in milliseconds since 1970. */
export type Message = {
  id: string;
  body: string;
  sentAt: number;
  receives: number;
  firstReceivedAt?: number;
};

/** Time, so that tests can run it. `after` returns what cancels the timer. */
export type Clock = { now(): number; after(ms: number, run: () => void): () => void };

/** The machine's own time. */
export const systemClock: Clock = {
  now: Date.now,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export type Options = {
  name: string;
  region: string;
  /** The function behind the queue. A rejected promise is a crash: the message stays hidden till its time is over. */
  consume(event: SQSEvent): Promise<SQSBatchResponse | undefined>;
  /** How many messages are worked on at once, each in a batch of its own. */
  concurrency: number;
  visibilityTimeoutMs: number;
  /**
   * How soon a message that the function itself reported as failed is tried again, after the first receive, the
   * second and so on; then the visibility timeout applies. SQS knows no such thing, but at a desk a minute is long.
   */
  retryMs?: readonly number[];
  /** After so many receives the message goes to the dead letters. Without both it is tried for ever. */
  maxReceiveCount?: number;
  deadLetters?: Pick<Queue, "take">;
  /** Told of every failed try. */
  onFailure?(message: Message, error: Error): void;
  clock?: Clock;
};

/**
 * `depth` counts the messages that wait and those that are hidden; `drain` takes away those that wait. `idle` resolves
 * when no message is left in any state. `stop` hands out no more and waits for those under way.
 */
export type Queue = {
  send(body: string, delayMs?: number): Message;
  take(message: Message): void;
  depth(): { waiting: number; hidden: number };
  drain(): Message[];
  idle(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a queue; messages are handed out as soon as they come. */
export function startQueue(options: Options): Queue {
  const { concurrency, visibilityTimeoutMs, retryMs = [], clock = systemClock } = options;
  const { maxReceiveCount = Number.POSITIVE_INFINITY, deadLetters } = options;
  const arn = `arn:aws:sqs:${options.region}:000000000000:${options.name}`;
  /** Every message that is not deleted, with what cancels its next appearance if it is hidden. */
  const kept = new Map<Message, (() => void) | undefined>();
  const visible = new Set<Message>();
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
    for (const tell of waiting) tell();
    waiting = [];
  };

  const pump = () => {
    for (const message of visible) {
      if (stopped || running.size >= concurrency) return;
      if (deadLetters && message.receives >= maxReceiveCount) {
        deadLetters.take({ ...message });
        forget(message);
        continue;
      }
      const run = deliver(message).finally(() => {
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
      // A batch of one: whichever id the function names, it can only mean this message.
      if (!answer?.batchItemFailures?.length) return forget(message);
      options.onFailure?.(message, new Error("The function reported the message as failed."));
      const soon = retryMs[receive - 1];
      // Otherwise it is out again already, in another's hands, and this worker has no more say.
      if (soon !== undefined && message.receives === receive && kept.has(message)) hide(message, soon);
    } catch (error) {
      options.onFailure?.(message, error instanceof Error ? error : new Error(String(error)));
    }
  };

  return {
    take,
    send: (body, delayMs) => {
      const message = { id: randomUUID(), body, sentAt: clock.now(), receives: 0 };
      take(message, delayMs);
      return message;
    },
    depth: () => ({ waiting: visible.size, hidden: kept.size - visible.size }),
    drain: () => {
      const messages = [...visible];
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

/** The event that Lambda makes of a message. */
function eventOf(
  { id, body, sentAt, receives, firstReceivedAt }: Message,
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
    },
    messageAttributes: {},
    md5OfBody: createHash("md5").update(body).digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: arn,
    awsRegion: region,
  };
  return { Records: [record] };
}
