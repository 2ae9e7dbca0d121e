/**
 * Pauses and resumes the event source mapping between queue and processor, and counts the processor's invocations.
 * Signs its few requests with aws4fetch: the two AWS clients would add 600 KB.
 *
 * A tag on the mapping marks a pause as the breaker's.
 */
import { AwsClient } from "aws4fetch";

/** The change that a run made. */
export type Change = "paused" | "resumed" | "nothing";

const tag = "paused-by";
const us = "image-pipeline-breaker";

const {
  AWS_REGION: region = "us-east-1",
  AWS_ENDPOINT_URL_LAMBDA: lambda = `https://lambda.${region}.amazonaws.com`,
  AWS_ENDPOINT_URL_CLOUDWATCH: cloudwatch = `https://monitoring.${region}.amazonaws.com`,
} = process.env;

/** Returns a function's number of invocations since then. CloudWatch metrics are one or two minutes late. */
export async function runsSince(functionName: string, since: Date): Promise<number> {
  const query = new URLSearchParams({
    Action: "GetMetricStatistics",
    Version: "2010-08-01",
    Namespace: "AWS/Lambda",
    MetricName: "Invocations",
    "Dimensions.member.1.Name": "FunctionName",
    "Dimensions.member.1.Value": functionName,
    StartTime: since.toISOString(),
    EndTime: new Date().toISOString(),
    Period: "3600",
    "Statistics.member.1": "Sum",
  });
  const xml = await call("monitoring", `${cloudwatch}/`, "POST", query);
  const sums = [...xml.matchAll(/<Sum>([^<]*)<\/Sum>/g)].map(([, sum]) => Number(sum));
  return sums.reduce((all, sum) => all + sum, 0);
}

/** Disables the mapping. Does nothing if it is not enabled. */
export async function pause(arn: string): Promise<Change> {
  if ((await stateOf(arn)) !== "Enabled") return "nothing";
  // Tags first: a pause without the tag would never be resumed, while a tag without a pause is removed on resume.
  await call("lambda", tagsOf(arn), "POST", JSON.stringify({ Tags: { [tag]: us } }));
  await call("lambda", mappingOf(arn), "PUT", JSON.stringify({ Enabled: false }));
  return "paused";
}

/** Enables the mapping if the breaker disabled it. A mapping that an operator disabled stays disabled. */
export async function resume(arn: string): Promise<Change> {
  const { Tags } = JSON.parse(await call("lambda", tagsOf(arn), "GET")) as { Tags?: Record<string, string> };
  if (Tags?.[tag] !== us) return "nothing";
  const state = await stateOf(arn);
  if (state !== "Disabled" && state !== "Enabled") return "nothing";
  if (state === "Disabled") await call("lambda", mappingOf(arn), "PUT", JSON.stringify({ Enabled: true }));
  await call("lambda", `${tagsOf(arn)}?tagKeys=${tag}`, "DELETE");
  return "resumed";
}

/** Returns the mapping's state. Only `Enabled` and `Disabled` can be changed; the others are transitions. */
async function stateOf(arn: string): Promise<string> {
  const { State } = JSON.parse(await call("lambda", mappingOf(arn), "GET")) as { State: string };
  return State;
}

const mappingOf = (arn: string) => `${lambda}/2015-03-31/event-source-mappings/${arn.split(":").at(-1)}`;
const tagsOf = (arn: string) => `${lambda}/2017-03-31/tags/${encodeURIComponent(arn)}`;

async function call(service: string, url: string, method: string, body?: string | URLSearchParams) {
  const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_SESSION_TOKEN } = process.env;
  const aws = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN,
    service,
    region,
    retries: 3,
  });
  const response = await aws.fetch(url, { method, body: body?.toString(), headers: headersOf(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${service} refused ${method} ${url}: ${response.status} ${text}`);
  return text;
}

const headersOf = (body?: string | URLSearchParams) =>
  body instanceof URLSearchParams
    ? { "content-type": "application/x-www-form-urlencoded" }
    : { "content-type": "application/json" };
