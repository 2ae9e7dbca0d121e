/**
 * Invalidates the variants of deleted images in CloudFront's caches. Its queue collects the events of five minutes.
 *
 * CloudFront processes 15 wildcard paths at a time and charges for each path above 1,000 a month, so a batch of more
 * images than `imagesMax` invalidates all of them with two paths.
 */
import { randomUUID } from "node:crypto";
import type { SQSEvent } from "aws-lambda";
import { AwsClient } from "aws4fetch";
import { Resource } from "sst";
import { logger } from "./log.ts";

const {
  AWS_ENDPOINT_URL_CLOUDFRONT: endpoint = "https://cloudfront.amazonaws.com",
  AWS_ACCESS_KEY_ID: accessKeyId = "",
  AWS_SECRET_ACCESS_KEY: secretAccessKey = "",
  AWS_SESSION_TOKEN: sessionToken,
} = process.env;

/** Creates one invalidation for a batch. Throws if CloudFront refuses it; the queue then retries. */
export const handler = async ({ Records }: SQSEvent): Promise<void> => {
  const folders = new Set(Records.flatMap(({ body }) => foldersOf(body)));
  // S3 sends a test event when the notification is created.
  if (folders.size === 0) return;
  const { id, imagesMax } = Resource.Distribution;
  const paths = pathsOf([...folders], imagesMax);
  const aws = new AwsClient({
    accessKeyId,
    secretAccessKey,
    sessionToken,
    service: "cloudfront",
    region: "us-east-1",
  });
  const response = await aws.fetch(`${endpoint}/2020-05-31/distribution/${id}/invalidation`, {
    method: "POST",
    headers: { "content-type": "application/xml" },
    body: batchOf(paths),
  });
  if (!response.ok) {
    throw new Error(
      `CreateInvalidation of ${paths.length} paths failed with ${response.status}: ${await response.text()}`,
    );
  }
  logger().info("invalidated", { images: folders.size, paths: paths.length });
};

/** The folders, `image/version`, of the variants in an S3 event. Keys are form-encoded there. */
function foldersOf(body: string): string[] {
  const { Records = [] } = JSON.parse(body) as { Records?: { s3: { object: { key: string } } }[] };
  return Records.map(({ s3 }) => decodeURIComponent(s3.object.key.replaceAll("+", " ")))
    .map((key) => key.slice(0, key.lastIndexOf("/")))
    .filter((folder) => /^img_[\w-]+\/[\w-]+$/.test(folder));
}

/**
 * The paths of an invalidation. Each is listed as viewers request it and as the router rewrites it, which AWS recommends:
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
 */
function pathsOf(folders: string[], imagesMax: number): string[] {
  if (folders.length > imagesMax) return ["/media/*", "/img_*"];
  return folders.flatMap((folder) => [`/media/${folder}/*`, `/${folder}/*`]);
}

const batchOf = (paths: string[]) =>
  [
    '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">',
    `<Paths><Quantity>${paths.length}</Quantity><Items>`,
    ...paths.map((path) => `<Path>${path}</Path>`),
    `</Items></Paths><CallerReference>${randomUUID()}</CallerReference></InvalidationBatch>`,
  ].join("");
