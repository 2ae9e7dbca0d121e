/**
 * The invalidator: takes deleted images out of CloudFront's caches, within about five minutes.
 *
 * It runs on the bucket's own events, so that no code path can delete a variant and forget the caches.
 */
import { cloud } from "./config.ts";
import { common } from "./function.ts";
import { consume, removals } from "./queues.ts";
import { router } from "./router.ts";

/** The invalidator; undefined where `INVALIDATED_IMAGES_MAX` is 0. */
export const invalidator = removals && create(removals);

function create(queue: sst.aws.Queue) {
  const distribution = new sst.Linkable("Distribution", {
    properties: { id: router.distributionID, imagesMax: cloud.invalidatedImagesMax },
  });
  const fn = new sst.aws.Function("Invalidator", {
    ...common,
    handler: "packages/functions/src/invalidator.handler",
    timeout: "30 seconds",
    memory: "256 MB",
    link: [distribution],
    permissions: [
      consume(queue),
      {
        actions: ["cloudfront:CreateInvalidation"],
        resources: [router.nodes.cdn.nodes.distribution.arn],
      },
    ],
  });
  // One invalidation for everything that is deleted within five minutes.
  queue.subscribe(fn.arn, { batch: { size: 1_000, window: "5 minutes" } });
  return fn;
}
