/** Another S3, which `AWS_ENDPOINT_URL_S3` names: its buckets and their CORS rules. It sends no events. */
import { createHash } from "node:crypto";
import { AwsClient } from "aws4fetch";
import { type Credentials, reasonOf, StartError } from "./environment.ts";
import { type Trust, thisMachine } from "./isolation.ts";
import { document } from "./s3/xml.ts";

/** Milliseconds that it gets to answer a request at the start. */
const answerMs = 10_000;

/** Names the one CORS rule that this module writes; rules of other programs stay. */
const ruleID = "image-pipeline";

export type OtherS3 = { url: string; region: string; credentials: Credentials };

/** Creates the missing buckets. Throws a `StartError` if it cannot be reached or refuses. */
export async function createBuckets(other: OtherS3, buckets: readonly string[]): Promise<void> {
  const { url } = other;
  for (const bucket of buckets) {
    const refusal = (reason: string, cause?: unknown) =>
      new StartError(
        `The bucket ${bucket} at ${url} cannot be used: ${reason}. Check AWS_ENDPOINT_URL_S3, the access key and AWS_REGION.`,
        { cause },
      );
    const request = async (method: string, body?: string) => {
      try {
        return await send(other, `/${bucket}`, { method, body });
      } catch (cause) {
        throw refusal(reasonOf(cause), cause);
      }
    };
    const { status } = await request("HEAD");
    const made = status === 404 ? await request("PUT", locationIn(other.region)) : undefined;
    if (made ? !made.ok : status !== 200) throw refusal(`HTTP ${made?.status ?? status}`);
  }
}

/**
 * Lets pages of these origins upload to a bucket: adds one rule to its CORS rules, or replaces it. Returns the reason if
 * the endpoint refuses, as MinIO does, whose rules are a setting of the server.
 */
export async function allowUploads(
  other: OtherS3,
  bucket: string,
  { origins }: Trust = thisMachine,
): Promise<string | undefined> {
  const path = `/${bucket}?cors`;
  try {
    const found = await send(other, path, { method: "GET" });
    if (!found.ok && found.status !== 404) return `HTTP ${found.status}`;
    const rules = found.ok ? ((await found.text()).match(/<CORSRule>.*?<\/CORSRule>/gs) ?? []) : [];
    const others = rules.filter((rule) => !rule.includes(`<ID>${ruleID}</ID>`)).join("");
    const body = document("CORSConfiguration", { CORSRule: ruleFor(origins) });
    const all = body.replace("<CORSRule>", () => `${others}<CORSRule>`);
    const put = await send(other, path, { method: "PUT", body: all });
    return put.ok ? undefined : `HTTP ${put.status}`;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Returns the rule of the deployed bucket (`infra/storage.ts`). A `*` takes the place of the port. */
const ruleFor = (origins: readonly string[]) => ({
  ID: ruleID,
  AllowedOrigin: ["http://127.0.0.1:*", "http://localhost:*", "https://localhost:*", ...origins],
  AllowedMethod: ["GET", "HEAD", "PUT", "POST", "DELETE"],
  AllowedHeader: "*",
  ExposeHeader: "ETag",
  MaxAgeSeconds: 7200,
});

/** Returns the body of CreateBucket: none in us-east-1, which S3 does not accept as a constraint. */
const locationIn = (region: string) =>
  region === "us-east-1" ? undefined : document("CreateBucketConfiguration", { LocationConstraint: region });

function send(
  { url, region, credentials }: OtherS3,
  path: string,
  { method, body }: { method: string; body?: string | undefined },
): Promise<Response> {
  const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 3 });
  const signal = AbortSignal.timeout(answerMs);
  if (body === undefined) return aws.fetch(url + path, { method, signal });
  const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
  return aws.fetch(url + path, { method, headers, body, signal });
}
