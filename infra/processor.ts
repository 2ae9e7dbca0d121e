/** The consumers of the queues: the processor, and the handler that marks dead letters as `failed`. */
import "./events.ts";
import { cloud, pipeline } from "./config.ts";
import { common } from "./function.ts";
import { consume, deadLetters, deliveries, processing } from "./queues.ts";
import { settings } from "./settings.ts";
import { processed, uploads, variants } from "./storage.ts";
import { images, itemRight, recordRights } from "./table.ts";

/** One message an invocation, so that a file that crashes the process fails alone. */
const oneByOne = { size: 1, partialResponses: true };

/** Decodes uploads and writes their variants. */
export const processor = new sst.aws.Function("Processor", {
  ...common,
  handler: "packages/functions/src/processor.handler",
  timeout: `${pipeline.processorTimeoutSeconds} seconds`,
  memory: `${cloud.processorMemoryMB} MB`,
  ...(cloud.processorConcurrencyReserved &&
    !$dev && { concurrency: { reserved: cloud.processorConcurrencyMax } }),
  // Native code for Lambda's platform, and WebAssembly that is read as a file. The root package.json has the versions.
  nodejs: { ...common.nodejs, install: ["sharp", "libheif-js"] },
  link: [uploads, processed, images, deliveries, settings],
  permissions: [
    consume(processing),
    { actions: ["s3:GetObject"], resources: [$interpolate`${uploads.arn}/*`] },
    // So that a missing original is a 404, not a 403.
    { actions: ["s3:ListBucket"], resources: [uploads.arn] },
    { actions: ["s3:PutObject", "s3:DeleteObject"], resources: variants },
    ...recordRights,
    // Replayed uploads, in the owner's quota. It may add to a quota, and read or remove nothing of an owner.
    itemRight(["dynamodb:UpdateItem"], "usage"),
  ],
});

/** The event source mapping from the queue to the processor. */
export const subscription = processing.subscribe(processor.arn, {
  batch: oneByOne,
  transform: {
    // The poller ignores reserved concurrency, and messages that it cannot deliver become dead letters: so this limit
    // applies with and without a reservation of the same size.
    // Under `sst dev` two at a time: the bridge to the developer's machine drops responses that come in bursts.
    eventSourceMapping: {
      scalingConfig: { maximumConcurrency: $dev ? 2 : cloud.processorConcurrencyMax },
    },
  },
});

/** Marks the images of dead letters as `failed`. */
export const deadLetter = new sst.aws.Function("DeadLetter", {
  ...common,
  handler: "packages/functions/src/dead-letter.handler",
  timeout: "30 seconds",
  memory: "512 MB",
  link: [uploads, processed, images, deliveries, settings],
  permissions: [
    consume(deadLetters),
    // The variants of an image that was deleted meanwhile.
    { actions: ["s3:DeleteObject"], resources: variants },
    ...recordRights,
  ],
});

deadLetters.subscribe(deadLetter.arn, { batch: oneByOne });
