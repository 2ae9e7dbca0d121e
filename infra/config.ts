/** The configuration of a stage: production or not, the region, and the settings from the environment or `.env`. */
import { Settings } from "../packages/core/src/settings.ts";

/** True for production, which keeps object versions, retains its buckets and table, and keeps logs for longer. */
export const production = $app.stage === "production";

/** The limits of an image and of the API. The functions read them as `Resource.Settings`. */
export const pipeline = Settings.readPipeline(process.env);

/** The settings of the deployed stage. */
export const cloud = Settings.readCloud(process.env);

/** The stage's AWS region. */
export const region = aws.getRegionOutput({}).id;

/**
 * Returns a name for a resource that is global, or that every stage makes in us-east-1. It contains the region, or the
 * same stage in two regions of one account would claim one name.
 */
export const globalName = (name?: string) =>
  $interpolate`${[$app.name, $app.stage].join("-")}-${region}${name ? `-${name}` : ""}`;
