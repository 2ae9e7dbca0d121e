/** The importer: gets the files of imports from the URLs of callers and stores them in the uploads bucket. */
import { Target } from "@image-pipeline/core/egress/target";
import { handleImport } from "@image-pipeline/core/pipeline/import";
import type { SQSHandler } from "aws-lambda";
import { Resource } from "sst";
import { eachMessage } from "./batch.ts";

/** Runs each import. */
export const handler: SQSHandler = (event, context) =>
  eachMessage(
    event,
    context,
    () => Promise.reject(new Error("This consumer takes imports only.")),
    (message) =>
      handleImport(message, {
        settings: Resource.Settings,
        policy: Target.policyOf(Resource.App.stage, Resource.Settings),
      }),
  );
