/** Consumer of the dead-letter queue: marks images as `failed`, so that they are visible and can be reprocessed. */
import { onDeadLetter } from "@image-pipeline/core/pipeline/decision";
import { onDeadImport } from "@image-pipeline/core/pipeline/import-end";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachMessage } from "./batch.ts";

const reason =
  "Processing failed each time it was tried. The processor's log says why; the image can be reprocessed.";

/** Marks the image of each dead letter as `failed`. */
export const handler: SQSHandler = (event, context) =>
  eachMessage(
    event,
    context,
    (message, receives) => onDeadLetter(message, { receives, reason }, Resource.Settings),
    (message) => onDeadImport(message, Resource.Settings),
  );
