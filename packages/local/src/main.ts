/** `npm start`: the whole product on this machine, until Ctrl-C. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { VisibleError } from "@image-pipeline/core/error";
import { Settings } from "@image-pipeline/core/settings";
import { banner } from "./banner.ts";
import { startCloud } from "./cloud.ts";
import { StartError } from "./start-error.ts";

/** `.env` and the data folder are the repository's, wherever the command was given. */
process.chdir(fileURLToPath(new URL("../../../", import.meta.url)));

/** A terminal's Ctrl-C reaches this process twice, once more by way of npm: what comes so soon is not a second one. */
const echoMs = 300;

/** Quotas keep strangers from filling a bucket; here are none. Whoever wants to see them at work sets them. */
const unlimited = { PENDING_MAX: "0", UPLOADS_PER_DAY_MAX: "0", BYTES_PER_DAY_MAX: "0" };

try {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const settings = Settings.readLocal(process.env);
  const pipeline = { ...Settings.readPipeline({ ...unlimited, ...process.env }), anonymous: true };
  await run(settings, pipeline);
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}

async function run(settings: Settings.Local, pipeline: Settings.Pipeline): Promise<void> {
  const { AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL_DYNAMODB: dynamodb } = process.env;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  const credentials =
    (s3 || dynamodb) && accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
  try {
    const cloud = await startCloud({ ...settings, pipeline, endpoints: { s3, dynamodb }, credentials });
    stopOnSignal(cloud.stop);
    console.log(banner(cloud, settings.dataDir));
  } catch (error) {
    throw portTaken(error, settings) ?? error;
  }
}

function stopOnSignal(stop: () => Promise<void>): void {
  let first: number | undefined;
  const hear = () => {
    if (first !== undefined && Date.now() - first > echoMs) process.exit(130);
    if (first !== undefined) return;
    first = Date.now();
    console.log("Stopping. What is under way gets five seconds; Ctrl-C again stops at once.");
    stop().then(
      () => process.exit(0),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", hear);
  process.on("SIGTERM", hear);
}

/** The error in words that say which setting to change, if it is about a port. */
function portTaken(error: unknown, { port, s3Port, dynamodbPort }: Settings.Local): Error | undefined {
  if (!(error instanceof Error && "port" in error && "code" in error)) return undefined;
  const ports = { PORT: port, S3_PORT: s3Port, DYNAMODB_PORT: dynamodbPort };
  const names = Object.entries(ports).flatMap(([name, value]) => (value === error.port ? [name] : []));
  const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be used (${error.code})`;
  return new StartError(
    `Port ${error.port} ${why}. Set ${names.join(" or ")} to another, or stop what listens there.`,
  );
}

/** What the user is told: a sentence where the fault has one, otherwise everything that is known. */
function explain(error: unknown): unknown {
  return error instanceof VisibleError || error instanceof StartError ? error.message : error;
}
