/**
 * The alarms of a stage. Production always has them; other stages only with `ALARM_EMAIL`, because each metric
 * costs ten cents a month.
 */

import { indexes } from "../packages/core/src/table/table-schema.ts";
import { type Alarm, type Metric, notify, raise } from "./alarm.ts";
import { api } from "./api.ts";
import { breaker, pausedMetric } from "./breaker.ts";
import { cloud, production } from "./config.ts";
import { importer } from "./importer.ts";
import { invalidator } from "./invalidator.ts";
import { deadLetter, processor } from "./processor.ts";
import { deadLetters, deliveries, imports, processing } from "./queues.ts";
import { reconciler } from "./reconciler.ts";
import { router } from "./router.ts";
import { sender } from "./sender.ts";
import { images } from "./table.ts";
import { usEast1 } from "./us-east-1.ts";

const functions = {
  Processor: processor,
  Importer: importer,
  DeadLetter: deadLetter,
  Reconciler: reconciler,
  Api: api,
  Sender: sender,
  ...(breaker && { Breaker: breaker }),
  ...(invalidator && { Invalidator: invalidator }),
};

const ofFunction = (name: $util.Input<string>, metricName: string): Metric => ({
  namespace: "AWS/Lambda",
  metricName,
  dimensions: { FunctionName: name },
});

const ofQueue = (queue: sst.aws.Queue, metricName: string): Metric => ({
  namespace: "AWS/SQS",
  metricName,
  dimensions: { QueueName: queue.nodes.queue.name },
});

/** The metric of the table and of each index: a throttled index throttles the writes of its table. */
const ofTable = (metricName: string): Metric[] => [
  { namespace: "AWS/DynamoDB", metricName, dimensions: { TableName: images.name } },
  ...Object.keys(indexes).map((GlobalSecondaryIndexName) => ({
    namespace: "AWS/DynamoDB",
    metricName,
    dimensions: { TableName: images.name, GlobalSecondaryIndexName },
  })),
];

const alarms: Record<string, Alarm> = {
  // The handler deletes dead letters at once, so the queue's own metrics would miss them.
  DeadLetters: {
    metrics: [ofFunction(deadLetter.name, "Invocations")],
    statistic: "Sum",
    above: 0,
    about:
      "Images have failed six times and are marked `failed`. The processor's log says why; then reprocess.",
  },
  DeadLettersLeft: {
    metrics: [ofQueue(deadLetters, "ApproximateNumberOfMessagesVisible")],
    statistic: "Maximum",
    above: 0,
    seconds: 900,
    about: "Dead letters could not be marked `failed`. See the log of the DeadLetter function.",
  },
  // Half an hour is five receives, more than one bad file takes.
  OldestMessage: {
    metrics: [ofQueue(processing, "ApproximateAgeOfOldestMessage")],
    statistic: "Maximum",
    above: 1800,
    about:
      "Uploads wait for more than half an hour. Is the processor at its concurrency, throttled or paused?",
  },
  OldestImport: {
    metrics: [ofQueue(imports, "ApproximateAgeOfOldestMessage")],
    statistic: "Maximum",
    above: 1800,
    about: "Imports wait for more than half an hour. Is the importer failing, or throttled?",
  },
  OldestDelivery: {
    metrics: [ofQueue(deliveries, "ApproximateAgeOfOldestMessage")],
    statistic: "Maximum",
    above: 1200,
    about: "Messages to webhooks wait for more than 20 minutes, of which 15 may be a retry's delay.",
  },
  TableReadThrottles: {
    metrics: ofTable("ReadThrottleEvents"),
    statistic: "Sum",
    above: 0,
    about:
      "DynamoDB refuses reads. An on-demand table needs minutes to grow beyond twice its highest traffic.",
  },
  TableWriteThrottles: {
    metrics: ofTable("WriteThrottleEvents"),
    statistic: "Sum",
    above: 0,
    about: "DynamoDB refuses writes, of the table or of an index.",
  },
};

for (const [name, fn] of Object.entries(functions)) {
  alarms[`${name}Errors`] = {
    metrics: [ofFunction(fn.name, "Errors")],
    statistic: "Sum",
    above: 0,
    about: `${name} has thrown, run out of time or out of memory. See its log.`,
  };
  alarms[`${name}Throttles`] = {
    metrics: [ofFunction(fn.name, "Throttles")],
    statistic: "Sum",
    above: 0,
    about: `${name} was refused: the account's concurrent executions are used up.`,
  };
}

if (breaker) {
  alarms.ProcessingPaused = {
    metrics: [pausedMetric],
    statistic: "Maximum",
    above: 0,
    about: "The day's allowance (PROCESSED_PER_DAY_MAX) is used up. Uploads wait until midnight UTC.",
  };
}

if (production || cloud.alarmEmail) {
  const actions = notify("Alarms");
  for (const [name, alarm] of Object.entries(alarms)) raise(name, alarm, actions);

  // CloudFront's metrics exist only in us-east-1, and an alarm can notify only topics in the same region.
  const inUsEast1 = { provider: usEast1() };
  raise(
    "EdgeErrors",
    {
      metrics: [
        {
          namespace: "AWS/CloudFront",
          metricName: "5xxErrorRate",
          dimensions: { DistributionId: router.distributionID, Region: "Global" },
        },
      ],
      statistic: "Average",
      above: 1,
      periods: 2,
      about: "More than 1 % of CloudFront's responses are 5xx.",
    },
    notify("EdgeAlarms", inUsEast1),
    inUsEast1,
  );
}
