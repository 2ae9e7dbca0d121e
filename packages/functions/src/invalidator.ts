/**
 * Invalidates the variants of deleted images in CloudFront's caches. Its queue collects the events of five minutes.
 *
 * CloudFront processes 15 wildcard paths at a time and charges for each path above 1,000 a month, so a batch of more
 * images than `imagesMax` invalidates all of them with three paths.
 */
import { randomUUID } from "node:crypto";
import { CloudFrontClient, CreateInvalidationCommand } from "@aws-sdk/client-cloudfront";
import { limits } from "@image-pipeline/core/aws/limits";
import type { SQSEvent } from "aws-lambda";
import { Resource } from "sst";
import { logger } from "./log.ts";

let client: CloudFrontClient | undefined;

/** Creates one invalidation for a batch. Throws if CloudFront refuses it; SQS then delivers the batch again. */
export const handler = async ({ Records }: SQSEvent): Promise<void> => {
  const folders = new Set(Records.flatMap(({ body }) => foldersOf(body)));
  // S3 sends a test event when the notification is created.
  if (folders.size === 0) return;
  const { id, imagesMax } = Resource.Distribution;
  const paths = pathsOf([...folders], imagesMax);
  // CloudFront is global: its requests are signed for us-east-1 in every region.
  client ??= new CloudFrontClient({ ...limits, region: "us-east-1" });
  await client.send(
    new CreateInvalidationCommand({
      DistributionId: id,
      InvalidationBatch: {
        Paths: { Quantity: paths.length, Items: paths },
        CallerReference: randomUUID(),
      },
    }),
  );
  logger().info("invalidated", { images: folders.size, paths: paths.length });
};

/** Returns the folders, `image/version` or `private/owner/image/version`, of the variants in an S3 event. Keys are form-encoded there. */
function foldersOf(body: string): string[] {
  const { Records = [] } = JSON.parse(body) as { Records?: { s3: { object: { key: string } } }[] };
  return Records.map(({ s3 }) => decodeURIComponent(s3.object.key.replaceAll("+", " ")))
    .map((key) => key.slice(0, key.lastIndexOf("/")))
    .filter((folder) => /^(private\/[a-z0-9]+\/)?img_[\w-]+\/[\w-]+$/.test(folder));
}

/**
 * Returns the paths of an invalidation. Each is listed as viewers request it and as the router rewrites it, which AWS
 * recommends:
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
 */
function pathsOf(folders: string[], imagesMax: number): string[] {
  if (folders.length > imagesMax) return ["/media/*", "/img_*", "/private/*"];
  return folders.flatMap((folder) => [`/media/${folder}/*`, `/${folder}/*`]);
}
