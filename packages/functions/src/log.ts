/** The functions' structured log. Nothing secret goes in: no tokens, no signed URLs, no places. */
import { Logger } from "@aws-lambda-powertools/logger";

export const log = new Logger();
