/** The CloudWatch dashboard of the stage, from the edge to the table. An account's first three dashboards are free. */
import { api } from "./api.ts";
import { globalName, region } from "./config.ts";
import { importer } from "./importer.ts";
import { deadLetter, processor } from "./processor.ts";
import { deadLetters, imports, processing } from "./queues.ts";
import { reconciler } from "./reconciler.ts";
import { router } from "./router.ts";
import { sender } from "./sender.ts";
import { images } from "./table.ts";

/** A graph: its title, statistic and metrics, as in the source of a CloudWatch dashboard. */
type Widget = { title: string; stat: string; region?: string; metrics: (string | $util.Input<string>)[][] };

const ofFunctions = (metricName: string) =>
  [api, processor, importer, deadLetter, reconciler, sender].map(({ name }) => [
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
  { title: "CloudFront requests", stat: "Sum", region: "us-east-1", metrics: [ofEdge("Requests")] },
  {
    title: "CloudFront errors, %",
    stat: "Average",
    region: "us-east-1",
    metrics: [ofEdge("4xxErrorRate"), ofEdge("5xxErrorRate")],
  },
  {
    title: "Messages",
    stat: "Maximum",
    metrics: [
      ofQueue(processing, "ApproximateNumberOfMessagesVisible"),
      ofQueue(processing, "ApproximateNumberOfMessagesNotVisible"),
      ofQueue(imports, "ApproximateNumberOfMessagesVisible"),
      ofQueue(deadLetters, "ApproximateNumberOfMessagesVisible"),
    ],
  },
  {
    title: "Oldest message, seconds",
    stat: "Maximum",
    metrics: [ofQueue(processing, "ApproximateAgeOfOldestMessage")],
  },
  { title: "Invocations", stat: "Sum", metrics: ofFunctions("Invocations") },
  { title: "Duration (p95), ms", stat: "p95", metrics: ofFunctions("Duration") },
  {
    title: "Errors and throttles",
    stat: "Sum",
    metrics: [...ofFunctions("Errors"), ...ofFunctions("Throttles")],
  },
  { title: "Concurrent executions", stat: "Maximum", metrics: ofFunctions("ConcurrentExecutions") },
  {
    title: "Least MS-SSIM of checked images",
    stat: "Minimum",
    metrics: [["ImagePipeline", "CheckedSimilarity", "service", `${$app.name}-${$app.stage}`]],
  },
  {
    title: "Consumed capacity of the table",
    stat: "Sum",
    metrics: [ofTable("ConsumedReadCapacityUnits"), ofTable("ConsumedWriteCapacityUnits")],
  },
];

new aws.cloudwatch.Dashboard("Dashboard", {
  dashboardName: globalName(),
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
