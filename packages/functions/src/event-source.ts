/**
 * Pauses and resumes an event source mapping, through which Lambda reads the processing queue, and counts a function's
 * invocations. A tag on the mapping marks a pause as ours, so that a mapping disabled by hand is never enabled.
 */
export * as EventSource from "./event-source.ts";

import { CloudWatchClient, GetMetricStatisticsCommand } from "@aws-sdk/client-cloudwatch";
import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { limits } from "@image-pipeline/core/aws/limits";

/** The change that a call made to the mapping. */
export type Change = "paused" | "resumed" | "nothing";

const tag = { key: "paused-by", value: "image-pipeline-breaker" };

let sharedLambda: LambdaClient | undefined;
let sharedCloudWatch: CloudWatchClient | undefined;

/** A metric of CloudWatch, by its namespace, name and dimensions. */
type Metric = { Namespace: string; MetricName: string; Dimensions?: { Name: string; Value: string }[] };

/** Returns the number of invocations of a function since a time. CloudWatch lags by a minute or two. */
export const invocationsSince = (functionName: string, since: Date): Promise<number> =>
  sumSince(
    {
      Namespace: "AWS/Lambda",
      MetricName: "Invocations",
      Dimensions: [{ Name: "FunctionName", Value: functionName }],
    },
    since,
  );

/** Returns the sum of a metric since a time. CloudWatch lags by a minute or two. */
export async function sumSince(metric: Metric, since: Date): Promise<number> {
  sharedCloudWatch ??= new CloudWatchClient({ ...limits });
  const { Datapoints = [] } = await sharedCloudWatch.send(
    new GetMetricStatisticsCommand({
      ...metric,
      StartTime: since,
      EndTime: new Date(),
      Period: 3600,
      Statistics: ["Sum"],
    }),
  );
  return Datapoints.reduce((total, { Sum = 0 }) => total + Sum, 0);
}

/** Disables the mapping if it is enabled, and tags it. Leaves any other state as it is. */
export async function pause(arn: string): Promise<Change> {
  if ((await stateOf(arn)) !== "Enabled") return "nothing";
  // The tag first: a pause without the tag would never end, and the next run corrects a tag without a pause.
  await lambda().send(new TagResourceCommand({ Resource: arn, Tags: { [tag.key]: tag.value } }));
  await lambda().send(new UpdateEventSourceMappingCommand({ UUID: uuidOf(arn), Enabled: false }));
  return "paused";
}

/** Enables the mapping if `pause` disabled it, and removes the tag. A mapping disabled by hand stays disabled. */
export async function resume(arn: string): Promise<Change> {
  const { Tags = {} } = await lambda().send(new ListTagsCommand({ Resource: arn }));
  if (Tags[tag.key] !== tag.value) return "nothing";
  const state = await stateOf(arn);
  if (state !== "Disabled" && state !== "Enabled") return "nothing";
  if (state === "Disabled") {
    await lambda().send(new UpdateEventSourceMappingCommand({ UUID: uuidOf(arn), Enabled: true }));
  }
  await lambda().send(new UntagResourceCommand({ Resource: arn, TagKeys: [tag.key] }));
  return "resumed";
}

/** Only `Enabled` and `Disabled` accept a change. The other states are transitions, which the next run sees completed. */
async function stateOf(arn: string): Promise<string | undefined> {
  const { State } = await lambda().send(new GetEventSourceMappingCommand({ UUID: uuidOf(arn) }));
  return State;
}

const lambda = () => {
  sharedLambda ??= new LambdaClient({ ...limits });
  return sharedLambda;
};

const uuidOf = (arn: string) => arn.split(":").at(-1);
