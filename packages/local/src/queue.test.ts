import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { virtualClock } from "./fixture.ts";
import { type Options, startQueue } from "./queue.ts";

const success = { batchItemFailures: [] };
const failure = ({ Records: [record] }: SQSEvent) => ({
  batchItemFailures: [{ itemIdentifier: record?.messageId ?? "" }],
});

/** A queue whose every receive is noted as seconds since the start and body. */
function observed(
  consume: (event: SQSEvent, receive: number) => Promise<SQSBatchResponse | undefined>,
  options: Partial<Options> = {},
) {
  const clock = virtualClock();
  const start = clock.now();
  const seen: string[] = [];
  const events: SQSEvent[] = [];
  const queue = startQueue({
    name: "processing",
    region: "us-east-1",
    concurrency: 2,
    visibilityTimeoutMs: 80_000,
    clock,
    consume: async (event) => {
      events.push(event);
      seen.push(`${(clock.now() - start) / 1000} ${event.Records[0]?.body}`);
      return await consume(event, Number(event.Records[0]?.attributes.ApproximateReceiveCount));
    },
    ...options,
  });
  return { clock, queue, seen, events };
}

const isIdle = async (queue: { idle(): Promise<void> }) =>
  await Promise.race([queue.idle().then(() => true), new Promise((done) => setImmediate(() => done(false)))]);

describe("a message", () => {
  test("reaches the function in the shape of an SQS event and is deleted after success", async () => {
    const { clock, queue, events } = observed(async () => success);
    const { id } = queue.send("hello");
    await clock.pass(0);
    expect(events).toEqual([
      {
        Records: [
          {
            messageId: id,
            receiptHandle: expect.any(String),
            body: "hello",
            attributes: {
              ApproximateReceiveCount: "1",
              SentTimestamp: "1000000",
              SenderId: "local",
              ApproximateFirstReceiveTimestamp: "1000000",
            },
            messageAttributes: {},
            md5OfBody: "5d41402abc4b2a76b9719d911017c592",
            eventSource: "aws:sqs",
            eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:processing",
            awsRegion: "us-east-1",
          },
        ],
      },
    ]);
    await clock.pass(1_000_000);
    expect(events).toHaveLength(1);
    expect(await isIdle(queue)).toBe(true);
  });

  test("is deleted too when the function answers nothing", async () => {
    const { clock, queue, seen } = observed(async () => undefined);
    queue.send("a");
    await clock.pass(1_000_000);
    expect(seen).toEqual(["0 a"]);
  });

  test("stays hidden for the whole visibility timeout after a crash", async () => {
    const { clock, queue, seen } = observed(
      async (_, receive) => {
        if (receive < 3) throw new Error("killed");
        return success;
      },
      { retryMs: [2_000, 10_000] },
    );
    queue.send("a");
    await clock.pass(79_999);
    expect(seen).toEqual(["0 a"]);
    expect(await isIdle(queue)).toBe(false);
    await clock.pass(200_000);
    expect(seen).toEqual(["0 a", "80 a", "160 a"]);
    expect(await isIdle(queue)).toBe(true);
  });

  test("that the function reported as failed is tried soon, then later, then at the visibility timeout", async () => {
    const { clock, queue, seen } = observed(async (event) => failure(event), { retryMs: [2_000, 10_000] });
    queue.send("a");
    await clock.pass(200_000);
    expect(seen).toEqual(["0 a", "2 a", "12 a", "92 a", "172 a"]);
  });

  test("is handed out a second time while a first worker is still at it, and deleted when that one is done", async () => {
    const late = Promise.withResolvers<SQSBatchResponse>();
    const never = new Promise<SQSBatchResponse>(() => {});
    const { clock, queue, seen } = observed((_, receive) => (receive === 1 ? late.promise : never));
    queue.send("a");
    await clock.pass(80_000);
    expect(seen).toEqual(["0 a", "80 a"]);
    late.resolve(success);
    await clock.pass(1_000_000);
    expect(seen).toHaveLength(2);
    expect(await isIdle(queue)).toBe(true);
  });

  test("is not put off by the late failure of a worker that no longer holds it", async () => {
    const late = Promise.withResolvers<SQSBatchResponse>();
    const { clock, queue, seen } = observed(
      (event, receive) => (receive === 1 ? late.promise : Promise.resolve(failure(event))),
      { retryMs: [1] },
    );
    queue.send("a");
    await clock.pass(90_000);
    late.resolve({ batchItemFailures: [{ itemIdentifier: "any" }] });
    await clock.pass(69_999);
    expect(seen).toEqual(["0 a", "80 a"]);
    await clock.pass(1);
    expect(seen).toEqual(["0 a", "80 a", "160 a"]);
  });

  test("stays deleted when a second worker fails after the first, late one has succeeded", async () => {
    const [first, second] = [
      Promise.withResolvers<SQSBatchResponse>(),
      Promise.withResolvers<SQSBatchResponse>(),
    ];
    const { clock, queue, seen } = observed((_, receive) => (receive === 1 ? first : second).promise, {
      retryMs: [1, 1, 1],
    });
    queue.send("a");
    await clock.pass(80_000);
    first.resolve(success);
    await clock.pass(0);
    second.resolve({ batchItemFailures: [{ itemIdentifier: "any" }] });
    await clock.pass(1_000_000);
    expect(seen).toEqual(["0 a", "80 a"]);
    expect(await isIdle(queue)).toBe(true);
  });

  test("is not handed out again when it is deleted while it waits for a free worker", async () => {
    const late = Promise.withResolvers<SQSBatchResponse>();
    const { clock, queue, seen } = observed(() => late.promise, { concurrency: 1 });
    queue.send("a");
    await clock.pass(100_000);
    late.resolve(success);
    await clock.pass(1_000_000);
    expect(seen).toEqual(["0 a"]);
    expect(await isIdle(queue)).toBe(true);
  });

  test("sent with a delay appears when that is over", async () => {
    const { clock, queue, seen } = observed(async () => success);
    queue.send("later", { delayMs: 5_000 });
    queue.send("now");
    await clock.pass(4_999);
    expect(seen).toEqual(["0 now"]);
    await clock.pass(1);
    expect(seen).toEqual(["0 now", "5 later"]);
  });
});

describe("dead letters", () => {
  test("get a message after its last receive, with its id, its age and its count", async () => {
    const dead = observed(async () => success);
    const { clock, queue, seen } = observed(async (event) => failure(event), {
      maxReceiveCount: 6,
      deadLetters: dead.queue,
    });
    const { id } = queue.send("a");
    await clock.pass(479_999);
    expect(seen).toHaveLength(6);
    expect(dead.events).toHaveLength(0);
    await clock.pass(1);
    await dead.clock.pass(0);
    expect(seen).toHaveLength(6);
    expect(await isIdle(queue)).toBe(true);
    expect(dead.events[0]?.Records[0]).toMatchObject({
      messageId: id,
      body: "a",
      attributes: { SentTimestamp: "1000000", ApproximateReceiveCount: "7" },
    });
  });

  test("get nothing of what succeeds at the last receive", async () => {
    const dead = observed(async () => success);
    const { clock, queue } = observed(async (event, receive) => (receive < 6 ? failure(event) : success), {
      maxReceiveCount: 6,
      deadLetters: dead.queue,
    });
    queue.send("a");
    await clock.pass(1_000_000);
    await dead.clock.pass(0);
    expect(dead.events).toHaveLength(0);
    expect(await isIdle(queue)).toBe(true);
  });
});

describe("the queue", () => {
  test("hands out no more messages at once than it may, and one that fails holds no other up", async () => {
    const answers: PromiseWithResolvers<SQSBatchResponse>[] = [];
    const { clock, queue, seen } = observed(() => {
      const answer = Promise.withResolvers<SQSBatchResponse>();
      answers.push(answer);
      return answer.promise;
    });
    for (const body of ["a", "b", "c", "d"]) queue.send(body);
    await clock.pass(0);
    expect(seen).toEqual(["0 a", "0 b"]);
    answers[0]?.reject(new Error("crash"));
    await clock.pass(1_000);
    expect(seen).toEqual(["0 a", "0 b", "0 c"]);
    answers[1]?.resolve(success);
    await clock.pass(1_000);
    expect(seen).toEqual(["0 a", "0 b", "0 c", "1 d"]);
  });

  test("hands out next a message of the group with the fewest in flight", async () => {
    const answers: PromiseWithResolvers<SQSBatchResponse>[] = [];
    const { clock, queue, seen } = observed(() => {
      const answer = Promise.withResolvers<SQSBatchResponse>();
      answers.push(answer);
      return answer.promise;
    });
    for (const body of ["a1", "a2", "a3", "a4", "a5"]) queue.send(body, { group: "a" });
    queue.send("none");
    for (const body of ["b1", "b2"]) queue.send(body, { group: "b" });
    await clock.pass(0);
    for (let n = 0; n < 6; n++) {
      answers[n]?.resolve(success);
      await clock.pass(0);
    }
    expect(seen.map((line) => line.slice(2))).toEqual(["a1", "a2", "none", "b1", "a3", "b2", "a4", "a5"]);
  });

  test("is idle only when no message is left, hidden ones included", async () => {
    const { clock, queue } = observed(async (event, receive) => (receive === 1 ? failure(event) : success));
    expect(await isIdle(queue)).toBe(true);
    queue.send("a");
    let idle = false;
    const waiting = queue.idle().then(() => {
      idle = true;
    });
    await clock.pass(79_000);
    expect(idle).toBe(false);
    await clock.pass(1_000);
    await waiting;
    expect(idle).toBe(true);
  });

  test("waits for what is under way when it is stopped, and hands out no more", async () => {
    const answer = Promise.withResolvers<SQSBatchResponse>();
    const { clock, queue, seen } = observed(() => answer.promise, { concurrency: 1 });
    queue.send("a");
    queue.send("b");
    await clock.pass(0);
    let stopped = false;
    const stopping = queue.stop().then(() => {
      stopped = true;
    });
    await clock.pass(1_000);
    expect(stopped).toBe(false);
    answer.resolve(success);
    await stopping;
    await clock.pass(1_000_000);
    expect(seen).toEqual(["0 a"]);
  });

  test("tells of every failed try, and why", async () => {
    const told: string[] = [];
    const { clock, queue } = observed(
      async (event, receive) => {
        if (receive === 1) throw new Error("killed by SIGKILL");
        return receive === 2 ? failure(event) : success;
      },
      { onFailure: ({ receives }, { message }) => told.push(`${receives}: ${message}`) },
    );
    queue.send("a");
    await clock.pass(1_000_000);
    expect(told).toEqual(["1: killed by SIGKILL", "2: The function reported the message as failed."]);
  });
});
