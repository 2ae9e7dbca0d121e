/** Which stage an operation works on: a deployed one inside of `sst shell`, or the embedded mode on this machine. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Aws } from "@image-pipeline/core/aws/aws";
import { Settings } from "@image-pipeline/core/settings";
import { loadDotenv, root } from "./dotenv.ts";

/** There is nothing to work on. */
export class NoStageError extends Error {
  override readonly name = "NoStageError";
}

/**
 * Enters the stage and returns its name: `local` for the embedded mode. Must come before anything imports `sst`,
 * which reads the environment once; so operations import core only inside of their `run`. Throws `NoStageError`.
 */
export async function enterStage(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (env.SST_RESOURCE_App === undefined) Object.assign(env, await embedded(env));
  else await signAsAWSKnows(env);
  return (JSON.parse(env.SST_RESOURCE_App ?? "{}") as { stage?: string }).stage ?? "unknown";
}

/** Whoever the AWS SDK finds (a profile, somebody signed in) signs for what does without it as well. */
async function signAsAWSKnows(env: NodeJS.ProcessEnv): Promise<void> {
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { credentials, region } = Storage.client.config;
  Aws.credentialsFrom(() => credentials());
  env.AWS_REGION ??= await region();
}

/** What a running embedded mode has left in its data folder. */
async function embedded(env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  loadDotenv();
  const file = resolve(root, Settings.readLocal(env).dataDir, "environment.json");
  try {
    return JSON.parse(await readFile(file, "utf8")) as Record<string, string>;
  } catch (cause) {
    const message =
      "No stage to work on. Start the embedded mode with `npm start`, or enter a deployed stage: `npx sst shell --stage NAME -- npm run image -- …`";
    throw new NoStageError(message, { cause });
  }
}

/** Whether a fault says that a part of the stage could not be reached. */
export function isUnreachable(error: unknown): boolean {
  const code = (error as { code?: unknown; cause?: { code?: unknown } } | undefined)?.code;
  return (
    code === "ECONNREFUSED" ||
    (error instanceof Error && error.cause !== undefined && isUnreachable(error.cause))
  );
}
