/** Makes variants and records of what lands in the uploads bucket. Fed by the queue, one message at a time. */
import { Pipeline } from "@image-pipeline/core/pipeline/pipeline";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachSignal } from "./batch.ts";

export const handler: SQSHandler = (event, context) =>
  eachSignal(event, context, (signal) => Pipeline.handle(signal, Resource.Settings));
