/** What differs from stage to stage: whether it is production, and the settings of its environment (or `.env`). */
import { Settings } from "../packages/core/src/settings.ts";

/** Production keeps what it holds: versions, retained buckets and table, longer logs. */
export const production = $app.stage === "production";

/** What an image may be, and what is done to it. The functions get these as `Resource.Settings`. */
export const pipeline = Settings.readPipeline(process.env);

/** How this stage is set up. */
export const cloud = Settings.readCloud(process.env);
