import { describe, expect, test } from "vitest";
import { argsOf, type Graph, resourcesOf } from "./graph.ts";
import { all, graphOf, regionOf } from "./graphs.ts";

const functions = [
  "Api",
  "Breaker",
  "DeadLetter",
  "Importer",
  "Invalidator",
  "Processor",
  "Reconciler",
  "Sender",
];

type Metric = {
  namespace: string;
  metricName: string;
  dimensions: Record<string, string>;
  stat: string;
  period: number;
};

/** Formats a metric as one line: namespace, name and dimensions, with the logical name of a function, queue or table. */
const lineOf = ({ stat, namespace, metricName, dimensions, period }: Metric) => {
  const of = Object.entries(dimensions)
    .map(([name, value]) => `${name} ${plain(value)}`)
    .sort();
  return `${stat} ${namespace} ${metricName}, ${of.join(", ")}, ${period} s`;
};
const plain = (name: string) => name.replace(/^image-pipeline-\w+-(\w+?)(?:Function|Queue|Table)-\w+$/, "$1");

/** Returns every alarm as one line: its metric, dimensions and threshold. */
function alarmsOf(graph: Graph): Record<string, string> {
  const lines = resourcesOf(graph, /metricAlarm:/).map(({ inputs }) => {
    const { statistic, threshold, evaluationPeriods, metricQueries, ...metric } = inputs;
    const [total, ...parts] = metricQueries ?? [];
    const measured = total
      ? `${total.expression} of ${parts.map((part: { metric: Metric }) => lineOf(part.metric)).join("; ")}`
      : lineOf({ ...metric, stat: statistic } as Metric);
    // CloudWatch requires exactly one metric of an alarm to return data.
    expect([total, ...parts].filter((each) => each?.returnData)).toEqual(total ? [total] : []);
    const name = inputs.name.replace(/^image-pipeline-[a-z]+-[a-z]+-[a-z]+-\d-/, "");
    return [name, `${measured} > ${threshold}, ${evaluationPeriods} ×`];
  });
  return Object.fromEntries(lines);
}

const throttled = (metric: string) => {
  const indexes = [
    "",
    ...["gsi1", "gsi2", "gsi3", "gsi4", "gsi5", "gsi6"].map((name) => `GlobalSecondaryIndexName ${name}, `),
  ];
  const parts = indexes.map((index) => `Sum AWS/DynamoDB ${metric}, ${index}TableName Images, 300 s`);
  return `SUM(FILL(METRICS(), 0)) of ${parts.join("; ")} > 0, 1 ×`;
};

const ofFunction = (fn: string, metric: string) =>
  `Sum AWS/Lambda ${metric}, FunctionName ${fn}, 300 s > 0, 1 ×`;

const expected = (stage: string, functions: string[]) => ({
  DeadLetters: ofFunction("DeadLetter", "Invocations"),
  DeadLettersLeft:
    "Maximum AWS/SQS ApproximateNumberOfMessagesVisible, QueueName DeadLetters, 900 s > 0, 1 ×",
  OldestMessage: "Maximum AWS/SQS ApproximateAgeOfOldestMessage, QueueName Processing, 300 s > 1800, 1 ×",
  OldestImport: "Maximum AWS/SQS ApproximateAgeOfOldestMessage, QueueName Imports, 300 s > 1800, 1 ×",
  OldestDelivery: "Maximum AWS/SQS ApproximateAgeOfOldestMessage, QueueName Deliveries, 300 s > 1200, 1 ×",
  TableReadThrottles: throttled("ReadThrottleEvents"),
  TableWriteThrottles: throttled("WriteThrottleEvents"),
  EdgeErrors:
    "Average AWS/CloudFront 5xxErrorRate, DistributionId RouterCdnDistribution-id, Region Global, 300 s > 1, 2 ×",
  ...(functions.includes("Breaker") && {
    ProcessingPaused: `Maximum ImagePipeline ProcessingPaused, service image-pipeline-${stage}, 300 s > 0, 1 ×`,
  }),
  ...Object.fromEntries(functions.map((fn) => [`${fn}Errors`, ofFunction(fn, "Errors")])),
  ...Object.fromEntries(functions.map((fn) => [`${fn}Throttles`, ofFunction(fn, "Throttles")])),
});

test("production raises these alarms, with and without ALARM_EMAIL", async () => {
  expect(alarmsOf(await graphOf("production"))).toEqual(expected("production", functions));
  expect(alarmsOf(await graphOf("configured"))).toEqual(expected("production", functions));
});

test("any other stage raises them with ALARM_EMAIL", async () => {
  const others = functions.filter((fn) => fn !== "Breaker");
  expect(alarmsOf(await graphOf("unlimited"))).toEqual(expected("dev", others));
});

test("other stages have no alarms without ALARM_EMAIL", async () => {
  expect(alarmsOf(await graphOf("development"))).toEqual({});
  expect(alarmsOf(await graphOf("sst dev"))).toEqual({});
});

test("silence is no alarm, and every alarm says what to do", async () => {
  for (const { inputs } of resourcesOf(await graphOf("production"), /metricAlarm:/)) {
    expect(inputs.treatMissingData).toBe("notBreaching");
    expect(inputs.comparisonOperator).toBe("GreaterThanThreshold");
    expect(inputs.alarmDescription).toMatch(/^[A-Z].{30,}[.?]$/);
  }
});

test("resources in us-east-1 have SST's tags of the app and the stage", async () => {
  const { resources } = await graphOf("configured");
  const providers = resources.filter(({ type, name }) => /providers:aws$/.test(type) && name === "UsEast1");
  expect(providers.map(({ inputs }) => [inputs.region, JSON.parse(inputs.defaultTags)])).toEqual([
    ["us-east-1", { tags: { "sst:app": "image-pipeline", "sst:stage": "production" } }],
  ]);
});

describe("the topic of ALARM_EMAIL", () => {
  test("gets every alarm, and its end", async () => {
    const graph = await graphOf("configured");
    const subscriptions = resourcesOf(graph, /topicSubscription:/).map(({ inputs }) => inputs);
    expect(subscriptions).toHaveLength(2);
    for (const { protocol, endpoint } of subscriptions)
      expect([protocol, endpoint]).toEqual(["email", "ops@example.com"]);
    const topics = subscriptions.map(({ topic }) => topic);
    for (const { name, inputs, region } of resourcesOf(graph, /metricAlarm:/)) {
      expect([name, inputs.alarmActions]).toEqual([name, [expect.any(String)]]);
      const [topic] = inputs.alarmActions;
      expect(topics).toContain(topic);
      expect(inputs.okActions).toEqual(inputs.alarmActions);
      // CloudFront's metrics exist only in us-east-1, and an alarm can notify only topics in the same region.
      expect([name, region]).toEqual([name, name === "EdgeErrorsAlarm" ? "us-east-1" : "eu-central-1"]);
      expect(topic.split(":")[3]).toBe(region);
    }
  });

  test("gets a message when the month exceeds the budget", async () => {
    const { budgetType, timeUnit, limitAmount, limitUnit, notifications } = argsOf(
      await graphOf("configured"),
      /budgets\/budget:/,
      "Budget",
    );
    expect([budgetType, timeUnit, limitAmount, limitUnit]).toEqual(["COST", "MONTHLY", "120", "USD"]);
    const percent = {
      comparisonOperator: "GREATER_THAN",
      thresholdType: "PERCENTAGE",
      subscriberEmailAddresses: ["ops@example.com"],
    };
    expect(notifications).toEqual([
      { ...percent, notificationType: "ACTUAL", threshold: 80 },
      { ...percent, notificationType: "FORECASTED", threshold: 100 },
    ]);
  });

  test("has no budget if that is off", async () => {
    expect(resourcesOf(await graphOf("unlimited"), /budget/)).toEqual([]);
  });

  test("is not required", async () => {
    for (const [name, graph] of all.filter(([name]) => !["configured", "unlimited"].includes(name))) {
      expect([name, resourcesOf(graph, /sns|budget/)]).toEqual([name, []]);
    }
  });
});

describe("the breaker", () => {
  test("knows the processor, its mapping and the day's allowance", async () => {
    for (const [name, perDayMax] of [
      ["development", 50_000],
      ["production", 50_000],
      ["configured", 1000],
    ] as const) {
      const { Allowance } = (await graphOf(name)).links;
      expect(Allowance).toEqual({
        perDayMax,
        processor: expect.stringMatching(/-ProcessorFunction-/),
        mapping: expect.stringMatching(/ProcessingSubscriber\w+EventSourceMapping$/),
        idleNamespace: "ImagePipeline",
        idleMetric: expect.stringMatching(/^image-pipeline-.+-idle-runs$/),
      });
    }
  });

  test("is not there where it is switched off, or where images are made on somebody's own machine", async () => {
    for (const name of ["unlimited", "sst dev"] as const) {
      expect((await graphOf(name)).links.Allowance).toBeUndefined();
    }
  });
});

test.each(all)("%s has a dashboard with figures of every part", (name, graph) => {
  const { dashboardName, dashboardBody } = argsOf(graph, /dashboard:/, "Dashboard");
  const stage = `image-pipeline-${name === "production" || name === "configured" ? "production" : "dev"}`;
  expect(dashboardName).toBe(`${stage}-${regionOf(name)}`);
  type Widget = { properties: { title: string; stat: string; region: string; metrics: string[][] } };
  const { widgets } = JSON.parse(dashboardBody) as { widgets: Widget[] };
  const shown = widgets.map(({ properties: { title, stat, metrics } }) => [
    `${title}: ${stat}`,
    ...metrics.map((metric) => metric.map(plain).join(" ")),
  ]);
  const of = (metric: string) =>
    ["Api", "Processor", "Importer", "DeadLetter", "Reconciler", "Sender"].map(
      (fn) => `AWS/Lambda ${metric} FunctionName ${fn}`,
    );
  const edge = (metric: string) =>
    `AWS/CloudFront ${metric} DistributionId RouterCdnDistribution-id Region Global`;
  const queue = (metric: string, which = "Processing") => `AWS/SQS ${metric} QueueName ${which}`;
  expect(shown).toEqual([
    ["CloudFront requests: Sum", edge("Requests")],
    ["CloudFront errors, %: Average", edge("4xxErrorRate"), edge("5xxErrorRate")],
    [
      "Messages: Maximum",
      queue("ApproximateNumberOfMessagesVisible"),
      queue("ApproximateNumberOfMessagesNotVisible"),
      queue("ApproximateNumberOfMessagesVisible", "Imports"),
      queue("ApproximateNumberOfMessagesVisible", "DeadLetters"),
    ],
    ["Oldest message, seconds: Maximum", queue("ApproximateAgeOfOldestMessage")],
    ["Invocations: Sum", ...of("Invocations")],
    ["Duration (p95), ms: p95", ...of("Duration")],
    ["Errors and throttles: Sum", ...of("Errors"), ...of("Throttles")],
    ["Concurrent executions: Maximum", ...of("ConcurrentExecutions")],
    ["Least MS-SSIM of checked images: Minimum", `ImagePipeline CheckedSimilarity service ${stage}`],
    [
      "Consumed capacity of the table: Sum",
      "AWS/DynamoDB ConsumedReadCapacityUnits TableName Images",
      "AWS/DynamoDB ConsumedWriteCapacityUnits TableName Images",
    ],
  ]);
  // CloudFront's metrics exist only in us-east-1.
  for (const { properties } of widgets) {
    expect(properties.region).toBe(properties.title.includes("CloudFront") ? "us-east-1" : regionOf(name));
  }
});
