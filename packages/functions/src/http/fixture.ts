/** Settings for tests of the API without a table: nothing listens at any of its addresses. */
import { Settings } from "@image-pipeline/core/settings";
import type { AppSettings } from "./route.ts";

export const settings: AppSettings = {
  ...Settings.pipelineDefaults,
  anonymous: true,
  url: "http://127.0.0.1:9",
  stage: "test",
};
