import { describe, expect, test } from "vitest";
import { argsOf, resourcesOf, short } from "./graph.ts";
import { all } from "./graphs.ts";

const day = 86_400;

describe.each(all)("%s", (name, graph) => {
  const versioned = name === "production" || name === "configured";
  const mapping = (queue: string) => {
    const found = resourcesOf(graph, /eventSourceMapping:EventSourceMapping/).find(({ inputs }) =>
      inputs.eventSourceArn.includes(`-${queue}Queue-`),
    );
    return found?.inputs;
  };

  test("every event of the uploads bucket, under any key, and no other goes to the queue", () => {
    const [, uploads, ...others] = resourcesOf(graph, /bucketNotification:/);
    expect(others).toEqual([]);
    const { bucket, queues, lambdaFunctions, topics } = uploads?.inputs ?? {};
    expect(bucket).toMatch(/-uploadsbucket-/);
    expect([lambdaFunctions, topics]).toEqual([[], []]);
    // In a versioned bucket `Delete` means that an old version was deleted, not the object.
    const kind = versioned ? "DeleteMarkerCreated" : "Delete";
    expect(queues).toEqual([
      {
        id: "Processing",
        queueArn: expect.stringMatching(/-ProcessingQueue-/),
        events: ["s3:ObjectCreated:*", `s3:ObjectRemoved:${kind}`, `s3:LifecycleExpiration:${kind}`],
      },
    ]);
  });

  test("only our bucket of our account may send to the queue, and no queue policy admits anybody else", () => {
    const policies = resourcesOf(graph, /queuePolicy:/);
    const sent = policies.map(({ inputs }) => [inputs.queueUrl, JSON.parse(inputs.policy).Statement]);
    const from = (bucket: string, queue: string) => [
      expect.stringContaining(`-${queue}Queue-`),
      [
        {
          sid: "OneBucketOnly",
          principals: [{ type: "Service", identifiers: ["s3.amazonaws.com"] }],
          actions: ["sqs:SendMessage"],
          resources: [expect.stringContaining(`-${queue}Queue-`)],
          conditions: [
            {
              test: "ArnEquals",
              variable: "aws:SourceArn",
              values: [expect.stringContaining(`-${bucket}bucket-`)],
            },
            { test: "StringEquals", variable: "aws:SourceAccount", values: ["123456789012"] },
          ],
        },
      ],
    ];
    expect(sent).toEqual([from("processed", "Removals"), from("uploads", "Processing")]);
  });

  test("messages become dead letters after six receives, and only those of these queues do", () => {
    for (const queue of ["Processing", "Imports"]) {
      const { redrivePolicy } = argsOf(graph, /sqs\/queue:/, `${queue}Queue`);
      expect(JSON.parse(redrivePolicy)).toEqual({
        deadLetterTargetArn: expect.stringMatching(/-DeadLettersQueue-/),
        maxReceiveCount: 6,
      });
    }
    const { redriveAllowPolicy, queueUrl } = argsOf(graph, /redriveAllowPolicy:/, "DeadLettersSource");
    expect(queueUrl).toMatch(/-DeadLettersQueue-/);
    const { redrivePermission, sourceQueueArns } = JSON.parse(redriveAllowPolicy);
    expect([redrivePermission, sourceQueueArns.map(short)]).toEqual([
      "byQueue",
      ["{Processing}", "{Imports}"],
    ]);
  });

  test("work is kept four days, imports four hours, dead letters fourteen days", () => {
    expect(argsOf(graph, /sqs\/queue:/, "ImportsQueue").messageRetentionSeconds).toBe(day / 6);
    expect(argsOf(graph, /sqs\/queue:/, "ProcessingQueue").messageRetentionSeconds).toBe(4 * day);
    expect(argsOf(graph, /sqs\/queue:/, "DeadLettersQueue").messageRetentionSeconds).toBe(14 * day);
  });

  // AWS's advice; under `sst dev`, where the bridge drops responses, one timeout, which is the least that AWS accepts.
  const timeouts = name === "sst dev" ? 1 : 6;

  test(`a message comes back no sooner than after its function's timeout, times ${timeouts}`, () => {
    for (const [queue, fn] of [
      ["Processing", "Processor"],
      ["Imports", "Importer"],
      ["DeadLetters", "DeadLetter"],
      ["Deliveries", "Sender"],
      ["SlowDeliveries", "Sender"],
    ]) {
      const { visibilityTimeoutSeconds } = argsOf(graph, /sqs\/queue:/, `${queue}Queue`);
      const { timeout } = argsOf(graph, /lambda\/function:/, `${fn}Function`);
      expect(visibilityTimeoutSeconds).toBeGreaterThanOrEqual(timeouts * timeout);
    }
  });

  test("queues are standard queues without a delay: S3 sends events to no other kind", () => {
    const queues = resourcesOf(graph, /sqs\/queue:/);
    expect(queues.map((queue) => queue.name)).toEqual([
      "DeadLettersQueue",
      "DeliveriesQueue",
      "ImportsQueue",
      "ProcessingQueue",
      "RemovalsQueue",
      "SlowDeliveriesQueue",
    ]);
    for (const { inputs } of queues) {
      expect([inputs.fifoQueue, inputs.delaySeconds, inputs.maxMessageSize]).toEqual([false, 0, undefined]);
    }
  });

  test("each message is an invocation, except that removals are batched for five minutes", () => {
    expect(resourcesOf(graph, /eventSourceMapping:EventSourceMapping/)).toHaveLength(6);
    const alone = { batchSize: 1, functionResponseTypes: ["ReportBatchItemFailures"] };
    expect(mapping("Processing")).toMatchObject({
      ...alone,
      functionName: expect.stringMatching(/-ProcessorFunction-/),
      scalingConfig: { maximumConcurrency: name === "sst dev" ? 2 : name === "configured" ? 7 : 50 },
    });
    expect(mapping("Imports")).toMatchObject({
      ...alone,
      functionName: expect.stringMatching(/-ImporterFunction-/),
      scalingConfig: { maximumConcurrency: name === "sst dev" ? 2 : 10 },
    });
    expect(mapping("DeadLetters")).toMatchObject({
      ...alone,
      functionName: expect.stringMatching(/-DeadLetterFunction-/),
    });
    for (const [queue, maximumConcurrency] of [
      ["Deliveries", 100],
      ["SlowDeliveries", 20],
    ] as const)
      expect(mapping(queue)).toMatchObject({
        ...alone,
        functionName: expect.stringMatching(/-SenderFunction-/),
        scalingConfig: { maximumConcurrency: name === "sst dev" ? 2 : maximumConcurrency },
      });
    expect(mapping("Removals")).toMatchObject({
      batchSize: 1000,
      maximumBatchingWindowInSeconds: 300,
      functionName: expect.stringMatching(/-InvalidatorFunction-/),
    });
  });

  test("messages are never filtered, because what a filter leaves out is lost", () => {
    for (const { inputs } of resourcesOf(graph, /eventSourceMapping:EventSourceMapping/)) {
      expect(inputs.filterCriteria).toBeUndefined();
    }
  });
});
