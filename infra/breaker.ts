/**
 * The spend breaker: it pauses the processor for the day at `PROCESSED_PER_DAY_MAX`. A function apart, because one
 * that decodes hostile bytes must not have the right to switch itself on.
 */

import { cloud } from "./config.ts";
import { common } from "./function.ts";
import { processor, subscription } from "./processor.ts";

const mappingArn = subscription.apply(({ nodes }) => nodes.eventSourceMapping.arn);

/** The metric that `spend-limit.handler` writes in embedded metric format: 1 while the processor is paused. */
export const pausedMetric = {
  namespace: "ImagePipeline",
  metricName: "ProcessingPaused",
  dimensions: { service: `${$app.name}-${$app.stage}` },
};

/** The number of runs that decoded nothing, from the processor's log. */
const idleRuns = { idleNamespace: "ImagePipeline", idleMetric: `${$app.name}-${$app.stage}-idle-runs` };

/** Under `sst dev` images are processed on the developer's machine, at no cost. */
const isLimited = cloud.processedPerDayMax > 0 && !$dev;

/** The breaker; undefined where the stage has no limit. */
export const breaker = isLimited ? create() : undefined;

function create() {
  const allowance = new sst.Linkable("Allowance", {
    properties: {
      perDayMax: cloud.processedPerDayMax,
      processor: processor.name,
      mapping: mappingArn,
      ...idleRuns,
    },
  });
  new aws.cloudwatch.LogMetricFilter("IdleRuns", {
    logGroupName: processor.nodes.logGroup.apply((group) => {
      if (!group)
        throw new Error("The processor has no log group, from which the breaker counts its idle runs.");
      return group.name;
    }),
    pattern: '{ $.message = "handled" && $.idle IS TRUE }',
    metricTransformation: {
      namespace: idleRuns.idleNamespace,
      name: idleRuns.idleMetric,
      value: "1",
      unit: "Count",
    },
  });
  const fn = new sst.aws.Function("Breaker", {
    ...common,
    handler: "packages/functions/src/spend-limit.handler",
    timeout: "30 seconds",
    memory: "256 MB",
    link: [allowance],
    permissions: [
      // CloudWatch has no resource-level permissions for this action.
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
