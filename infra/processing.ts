/** Who takes from the queues: the processor, and the handler that marks what the processor could not do. */
import "./events.ts";
import { common } from "./function.ts";
import { consume, deadLetters, processing } from "./queues.ts";
import { settings } from "./settings.ts";
import { cloud, pipeline } from "./stage.ts";
import { processed, uploads } from "./storage.ts";
import { images, recordRights } from "./table.ts";

/** One file a message: what kills the process takes nothing else with it. */
const oneByOne = { size: 1, partialResponses: true };

export const processor = new sst.aws.Function("Processor", {
  ...common,
  handler: "packages/functions/src/processor.handler",
  timeout: `${pipeline.processorTimeoutSeconds} seconds`,
  memory: `${cloud.processorMemoryMB} MB`,
  // Native code for Lambda's own platform, and WebAssembly that is read as a file; versions are the root package.json's.
  nodejs: { ...common.nodejs, install: ["sharp", "libheif-js"] },
  link: [uploads, processed, images, settings],
  permissions: [
    consume(processing),
    { actions: ["s3:GetObject"], resources: [$interpolate`${uploads.arn}/*`] },
    // So that a missing original is a 404, not a 403.
    { actions: ["s3:ListBucket"], resources: [uploads.arn] },
    { actions: ["s3:PutObject", "s3:DeleteObject"], resources: [$interpolate`${processed.arn}/img_*`] },
    ...recordRights,
  ],
});

/** What connects the queue to the processor. */
export const subscription = processing.subscribe(processor.arn, {
  batch: oneByOne,
  transform: {
    // Not reserved concurrency: the poller does not see that, and throttled messages become dead letters.
    eventSourceMapping: { scalingConfig: { maximumConcurrency: cloud.processorConcurrencyMax } },
  },
});

export const deadLetter = new sst.aws.Function("DeadLetter", {
  ...common,
  handler: "packages/functions/src/dead-letter.handler",
  timeout: "30 seconds",
  memory: "512 MB",
  link: [uploads, processed, images, settings],
  permissions: [
    consume(deadLetters),
    // What is left of an image that was deleted meanwhile.
    { actions: ["s3:DeleteObject"], resources: [$interpolate`${processed.arn}/img_*`] },
    ...recordRights,
  ],
});

deadLetters.subscribe(deadLetter.arn, { batch: oneByOne });
