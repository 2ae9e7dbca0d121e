/**
 * What connects the queue to the processor (an event source mapping), and how often the processor has run. The few
 * requests are signed by hand: the two clients would be 600 KB.
 *
 * Which pause is ours is written on the mapping itself, as a tag.
 */
import { AwsClient } from "aws4fetch";

/** What a run changed. */
export type Change = "paused" | "resumed" | "nothing";

const tag = "paused-by";
const us = "image-pipeline-breaker";

const {
  AWS_REGION: region = "us-east-1",
  AWS_ENDPOINT_URL_LAMBDA: lambda = `https://lambda.${region}.amazonaws.com`,
  AWS_ENDPOINT_URL_CLOUDWATCH: cloudwatch = `https://monitoring.${region}.amazonaws.com`,
} = process.env;

/** How often a function has run since then. CloudWatch knows a minute or two late. */
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

/** Stops the queue from being read. One that is not being read already, for whatever reason, is left as it is. */
export async function pause(arn: string): Promise<Change> {
  if ((await stateOf(arn)) !== "Enabled") return "nothing";
  // The tag first: without it a pause would last for ever, and a tag without a pause is put right the next time.
  await call("lambda", tagsOf(arn), "POST", JSON.stringify({ Tags: { [tag]: us } }));
  await call("lambda", mappingOf(arn), "PUT", JSON.stringify({ Enabled: false }));
  return "paused";
}

/** Has the queue read again if we stopped it. Somebody who stopped it by hand had a reason. */
export async function resume(arn: string): Promise<Change> {
  const { Tags } = JSON.parse(await call("lambda", tagsOf(arn), "GET")) as { Tags?: Record<string, string> };
  if (Tags?.[tag] !== us) return "nothing";
  const state = await stateOf(arn);
  if (state !== "Disabled" && state !== "Enabled") return "nothing";
  if (state === "Disabled") await call("lambda", mappingOf(arn), "PUT", JSON.stringify({ Enabled: true }));
  await call("lambda", `${tagsOf(arn)}?tagKeys=${tag}`, "DELETE");
  return "resumed";
}

/** `Enabled` and `Disabled` can be changed; anything else is on its way to one of them, and tried the next time. */
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
