/** Consumer of the dead-letter queue: marks images as `failed`, so that they are visible and can be reprocessed. */
import { onDeadLetter } from "@image-pipeline/core/pipeline/decision";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachSignal } from "./batch.ts";

const reason =
  "Processing failed each time it was tried. The processor's log says why; the image can be reprocessed.";

export const handler: SQSHandler = (event, context) =>
  eachSignal(event, context, (signal, receives) =>
    onDeadLetter(signal, { receives, reason }, Resource.Settings),
  );
