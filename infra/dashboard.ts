/** One page that shows how the stage is doing, from the edge to the table. The first three of an account are free. */
import { api } from "./api.ts";
import { deadLetter, processor } from "./processing.ts";
import { deadLetters, processing } from "./queues.ts";
import { reconciler } from "./reconciling.ts";
import { router } from "./router.ts";
import { images } from "./table.ts";

const region = aws.getRegionOutput({}).id;

/** A graph: its title, what it sums up or averages, and its metrics as CloudWatch writes them. */
type Widget = { title: string; stat: string; region?: string; metrics: (string | $util.Input<string>)[][] };

const ofFunctions = (metricName: string) =>
  [api, processor, deadLetter, reconciler].map(({ name }) => [
    "AWS/Lambda",
    metricName,
    "FunctionName",
    name,
  ]);
const ofQueue = (queue: sst.aws.Queue, metricName: string) => [
  "AWS/SQS",
  metricName,
  "QueueName",
  queue.nodes.queue.name,
];
const ofTable = (metricName: string) => ["AWS/DynamoDB", metricName, "TableName", images.name];
const ofEdge = (metricName: string) => [
  "AWS/CloudFront",
  metricName,
  "DistributionId",
  router.distributionID,
  "Region",
  "Global",
];

const widgets: Widget[] = [
  { title: "Requests at the edge", stat: "Sum", region: "us-east-1", metrics: [ofEdge("Requests")] },
  {
    title: "Errors at the edge, %",
    stat: "Average",
    region: "us-east-1",
    metrics: [ofEdge("4xxErrorRate"), ofEdge("5xxErrorRate")],
  },
  {
    title: "Waiting",
    stat: "Maximum",
    metrics: [
      ofQueue(processing, "ApproximateNumberOfMessagesVisible"),
      ofQueue(processing, "ApproximateNumberOfMessagesNotVisible"),
      ofQueue(deadLetters, "ApproximateNumberOfMessagesVisible"),
    ],
  },
  {
    title: "Longest wait, seconds",
    stat: "Maximum",
    metrics: [ofQueue(processing, "ApproximateAgeOfOldestMessage")],
  },
  { title: "Runs", stat: "Sum", metrics: ofFunctions("Invocations") },
  { title: "Duration (p95), ms", stat: "p95", metrics: ofFunctions("Duration") },
  {
    title: "Errors and throttles",
    stat: "Sum",
    metrics: [...ofFunctions("Errors"), ...ofFunctions("Throttles")],
  },
  { title: "At once", stat: "Maximum", metrics: ofFunctions("ConcurrentExecutions") },
  {
    title: "Table: capacity used",
    stat: "Sum",
    metrics: [ofTable("ConsumedReadCapacityUnits"), ofTable("ConsumedWriteCapacityUnits")],
  },
];

new aws.cloudwatch.Dashboard("Dashboard", {
  dashboardName: `${$app.name}-${$app.stage}`,
  dashboardBody: $jsonStringify({
    widgets: widgets.map(({ title, stat, metrics, ...rest }, index) => ({
      type: "metric",
      x: (index % 2) * 12,
      y: Math.floor(index / 2) * 6,
      width: 12,
      height: 6,
      properties: { title, stat, metrics, period: 300, region, ...rest },
    })),
  }),
});
