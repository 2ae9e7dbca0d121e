/** The importer, which gets files from URLs of callers and stores them in the uploads bucket. */
import { common } from "./function.ts";
import { consume, deliveries, imports, processing } from "./queues.ts";
import { settings } from "./settings.ts";
import { uploads } from "./storage.ts";
import { images, recordRights } from "./table.ts";

/** Gets the files of imports. */
export const importer = new sst.aws.Function("Importer", {
  ...common,
  handler: "packages/functions/src/importer.handler",
  // 20 s for the download, and four attempts of 12 s to store it.
  timeout: "90 seconds",
  // A file of 100 MiB is in memory three times.
  memory: "1024 MB",
  link: [uploads, images, imports, processing, deliveries, settings],
  permissions: [
    consume(imports),
    // An import that may succeed later is sent again with a delay.
    { actions: ["sqs:SendMessage"], resources: [imports.arn] },
    { actions: ["s3:PutObject"], resources: [$interpolate`${uploads.arn}/*/img_*`] },
    ...recordRights,
  ],
});

imports.subscribe(importer.arn, {
  // One message an invocation, so that a slow source delays no other import.
  batch: { size: 1, partialResponses: true },
  transform: { eventSourceMapping: { scalingConfig: { maximumConcurrency: $dev ? 2 : 10 } } },
});
