/** The functions' structured log, one JSON object a line, written by Powertools. */
import { Logger } from "@aws-lambda-powertools/logger";
import { Resource } from "sst";

let shared: Logger | undefined;

/**
 * Returns the process's logger, created at its first use. Never log secrets: tokens, presigned URLs, GPS positions.
 * `POWERTOOLS_LOG_LEVEL` sets the lowest level that is written, `INFO` by default.
 */
export function logger(): Logger {
  shared ??= new Logger({ serviceName: `${Resource.App.name}-${Resource.App.stage}` });
  return shared;
}
