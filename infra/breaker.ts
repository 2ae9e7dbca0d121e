/**
 * A limit on what a day can cost. What stops the processor stands beside it, because a function that decodes
 * strangers' bytes must not be able to switch things on.
 */
import { common } from "./function.ts";
import { processor, subscription } from "./processing.ts";
import { cloud } from "./stage.ts";

const mappingArn = subscription.apply(({ nodes }) => nodes.eventSourceMapping.arn);

/** The EMF metric that `breaker.handler` writes: 1 while the day's allowance is used up. */
export const pausedMetric = {
  namespace: "ImagePipeline",
  metricName: "ProcessingPaused",
  dimensions: { service: `${$app.name}-${$app.stage}` },
};

/** Under `sst dev` images are made on the developer's own machine, and cost nothing. */
const isLimited = cloud.processedPerDayMax > 0 && !$dev;

/** The breaker, where the stage has a limit. */
export const breaker = isLimited ? create() : undefined;

function create() {
  const allowance = new sst.Linkable("Allowance", {
    properties: { perDayMax: cloud.processedPerDayMax, processor: processor.name, mapping: mappingArn },
  });
  const fn = new sst.aws.Function("Breaker", {
    ...common,
    handler: "packages/functions/src/breaker.handler",
    timeout: "30 seconds",
    memory: "256 MB",
    link: [allowance],
    permissions: [
      // CloudWatch knows no resources to name here.
      { actions: ["cloudwatch:GetMetricStatistics"], resources: ["*"] },
      {
        actions: [
          "lambda:GetEventSourceMapping",
          "lambda:UpdateEventSourceMapping",
          "lambda:ListTags",
          "lambda:TagResource",
          "lambda:UntagResource",
        ],
        resources: [mappingArn],
      },
    ],
  });
  new sst.aws.Cron("Allow", { schedule: "rate(5 minutes)", function: fn.arn });
  return fn;
}
