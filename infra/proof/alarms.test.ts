import { describe, expect, test } from "vitest";
import { argsOf, type Graph, resourcesOf } from "./graph.ts";
import { all, graphOf } from "./graphs.ts";

const functions = ["Api", "Breaker", "DeadLetter", "Processor", "Reconciler"];

/** Every alarm in one line: what it measures, of what, and from when on. */
function alarmsOf(graph: Graph): Record<string, string> {
  const lines = resourcesOf(graph, /metricAlarm:/).map(({ inputs }) => {
    const { metricName, dimensions, statistic, threshold, period, evaluationPeriods, metricQueries } = inputs;
    const of = (given: Record<string, string>) =>
      Object.values(given)
        .map((value) => value.replace(/^image-pipeline-\w+-(\w+?)(Function|Queue|Table)-\w+$/, "$1"))
        .join("/");
    const measured = metricQueries
      ? metricQueries
          .slice(1)
          .map(({ metric }: { metric: Record<string, string> & { dimensions: Record<string, string> } }) =>
            [metric.stat, metric.metricName, of(metric.dimensions)].join(" "),
          )
          .join(" + ")
      : [statistic, metricName, of(dimensions)].join(" ");
    const seconds = (period ?? metricQueries[1].metric.period) * evaluationPeriods;
    return [inputs.name.replace(/^image-pipeline-\w+-/, ""), `${measured} > ${threshold} in ${seconds} s`];
  });
  return Object.fromEntries(lines);
}

const throttled = (metric: string) =>
  ["", "gsi1/", "gsi2/", "gsi3/", "gsi4/", "gsi5/"]
    .map((index) => `Sum ${metric} ${index}Images`)
    .join(" + ");

const expected = (stage: string) => ({
  DeadLetters: "Sum Invocations DeadLetter > 0 in 300 s",
  DeadLettersLeft: "Maximum ApproximateNumberOfMessagesVisible DeadLetters > 0 in 900 s",
  OldestMessage: "Maximum ApproximateAgeOfOldestMessage Processing > 1800 in 300 s",
  TableReadThrottles: `${throttled("ReadThrottleEvents")} > 0 in 300 s`,
  TableWriteThrottles: `${throttled("WriteThrottleEvents")} > 0 in 300 s`,
  EdgeErrors: "Average 5xxErrorRate RouterCdnDistribution-id/Global > 1 in 600 s",
  ProcessingPaused: `Maximum ProcessingPaused image-pipeline-${stage} > 0 in 300 s`,
  ...Object.fromEntries(functions.map((fn) => [`${fn}Errors`, `Sum Errors ${fn} > 0 in 300 s`])),
  ...Object.fromEntries(functions.map((fn) => [`${fn}Throttles`, `Sum Throttles ${fn} > 0 in 300 s`])),
});

test("production raises these alarms", async () => {
  expect(alarmsOf(await graphOf("production"))).toEqual(expected("production"));
  expect(alarmsOf(await graphOf("configured"))).toEqual(expected("production"));
});

test("other stages cost nothing for alarms that nobody would get", async () => {
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

describe("the stage's address", () => {
  test("is told of every alarm, and of its end", async () => {
    const graph = await graphOf("configured");
    const subscriptions = resourcesOf(graph, /topicSubscription:/).map(({ inputs }) => inputs);
    expect(subscriptions).toHaveLength(2);
    for (const { protocol, endpoint } of subscriptions)
      expect([protocol, endpoint]).toEqual(["email", "ops@example.com"]);
    const topics = subscriptions.map(({ topic }) => topic);
    for (const { name, inputs } of resourcesOf(graph, /metricAlarm:/)) {
      const [topic] = inputs.alarmActions;
      expect(topics).toContain(topic);
      expect(inputs.okActions).toEqual(inputs.alarmActions);
      // CloudFront's figures are in us-east-1 alone, wherever the rest is.
      expect(topic.endsWith("-EdgeAlarms")).toBe(name === "EdgeErrorsAlarm");
    }
  });

  test("is told when the month costs more than it should", async () => {
    const { budgetType, timeUnit, limitAmount, limitUnit, notifications } = argsOf(
      await graphOf("configured"),
      /budgets\/budget:/,
      "Budget",
    );
    expect([budgetType, timeUnit, limitAmount, limitUnit]).toEqual(["COST", "MONTHLY", "120", "USD"]);
    expect(notifications).toEqual([
      expect.objectContaining({ notificationType: "ACTUAL", threshold: 80 }),
      expect.objectContaining({ notificationType: "FORECASTED", threshold: 100 }),
    ]);
    for (const { subscriberEmailAddresses } of notifications) {
      expect(subscriberEmailAddresses).toEqual(["ops@example.com"]);
    }
  });

  test("is nobody's business where it is not set", async () => {
    for (const [name, graph] of all.filter(([name]) => name !== "configured")) {
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
      });
    }
  });
});

test.each(all)("%s has a dashboard with figures of every part", (_name, graph) => {
  const { dashboardName, dashboardBody } = argsOf(graph, /dashboard:/, "Dashboard");
  expect(dashboardName).toMatch(/^image-pipeline-\w+$/);
  const { widgets } = JSON.parse(dashboardBody) as {
    widgets: { properties: { region: string; metrics: string[][] } }[];
  };
  const parts = new Set(
    widgets.flatMap(({ properties }) => properties.metrics.map(([namespace]) => namespace)),
  );
  expect([...parts].sort()).toEqual(["AWS/CloudFront", "AWS/DynamoDB", "AWS/Lambda", "AWS/SQS"]);
  for (const { properties } of widgets) expect(properties.region).toBe("us-east-1");
});
