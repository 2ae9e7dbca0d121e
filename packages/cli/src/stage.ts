/** The stage that an operation works on: a deployed one inside `sst shell`, or the embedded mode on this machine. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Settings } from "@image-pipeline/core/settings";
import { loadDotenv, root } from "./connect.ts";

/** There is no stage to work on. */
export class NoStageError extends Error {
  override readonly name = "NoStageError";
}

/** The place of a dump does not answer, or refuses. */
export class PlaceError extends Error {
  override readonly name = "PlaceError";
}

let own: NodeJS.ProcessEnv | undefined;

/**
 * Returns the user's environment, if the embedded mode's has replaced the AWS configuration in it; undefined for a deployed
 * stage, whose configuration is the user's.
 */
export const ownEnvironment = (): NodeJS.ProcessEnv | undefined => own;

/**
 * Puts the resources of a running embedded mode into the environment, unless `sst shell` has put a deployed stage's
 * there. Must run before core is imported, because `sst` reads the environment when it is loaded.
 */
export async function enterStage(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (env.SST_RESOURCE_App !== undefined) return;
  loadDotenv();
  const file = resolve(root, Settings.readLocal(env).dataDir, "environment.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  own = { ...env };
  Object.assign(env, JSON.parse(text));
}

/** Returns the stage's name: `local` for the embedded mode. Throws `NoStageError` if there is none. */
export async function requireStage(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (env.SST_RESOURCE_App === undefined) {
    throw new NoStageError(
      "No stage to work on. Start the embedded mode with `npm start`, or enter a deployed stage: `npx sst shell --stage NAME -- npm run image -- …`",
    );
  }
  const { stage } = JSON.parse(env.SST_RESOURCE_App) as { stage: string };
  return stage;
}

/** Returns true if an error, or one of its causes, is a refused connection. */
export function isUnreachable(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  return code === "ECONNREFUSED" || (cause !== undefined && isUnreachable(cause));
}
