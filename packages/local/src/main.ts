/** `npm start`: the whole product on this machine, until Ctrl-C. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { VisibleError } from "@image-pipeline/core/error";
import type { Settings } from "@image-pipeline/core/settings";
import { banner } from "./banner.ts";
import { startCloud } from "./cloud.ts";
import { isStartedByNpm, readSettings, reasonOf, StartError } from "./environment.ts";

/** `.env` and DATA_DIR are relative to the repository, even if `npm start` runs in another folder. */
process.chdir(fileURLToPath(new URL("../../../", import.meta.url)));

/** One Ctrl-C in a terminal can reach this process twice, once through npm: signals so close together are one. */
const echoMs = 300;

/** Milliseconds between two checks that the shell in which npm started this process still runs. */
const parentEveryMs = 500;

try {
  const settings = readSettings();
  const cloud = await startCloud({ ...settings, rebuild: isRebuild() }).catch((error) => {
    throw startErrorOf(error, settings) ?? error;
  });
  stopOnSignal(cloud.stop);
  console.log(banner(cloud, settings));
} catch (error) {
  console.error(error instanceof VisibleError || error instanceof StartError ? error.message : error);
  process.exit(1);
}

/** Returns true if the command line has `--rebuild`. Throws a `StartError` for any other argument. */
function isRebuild(): boolean {
  try {
    return parseArgs({ options: { rebuild: { type: "boolean", default: false } } }).values.rebuild;
  } catch (cause) {
    throw new StartError(
      `${reasonOf(cause).replace(/\.?$/, ".")} \`npm start\` takes no argument but \`-- --rebuild\`.`,
      {
        cause,
      },
    );
  }
}

function stopOnSignal(stop: () => Promise<void>): void {
  let first: number | undefined;
  const onSignal = () => {
    if (first !== undefined && Date.now() - first > echoMs) process.exit(130);
    if (first !== undefined) return;
    first = Date.now();
    console.log("Stopping. Requests and images in progress get five seconds; Ctrl-C again stops at once.");
    stop().then(
      () => process.exit(0),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // The terminal was closed, and takes no more output. Without a terminal, `nohup` has the signal ignored.
  if (process.stdout.isTTY) {
    process.on("SIGHUP", onSignal);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  }
  // npm forwards SIGTERM to the shell between, which ends without forwarding it.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (!isStartedByNpm || process.ppid === parent) return;
    clearInterval(watch);
    onSignal();
  }, parentEveryMs).unref();
}

/** Translates an error of the network or the file system into one that names the setting to change. */
function startErrorOf(error: unknown, settings: Settings.Local): StartError | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  const { host, port, s3Port, dynamodbPort, dataDir } = settings;
  if (error.code === "EADDRNOTAVAIL" || ("hostname" in error && error.hostname === host))
    return new StartError(
      `HOST=${host} is not an address of this machine (${error.code}). Set HOST to one, or remove it.`,
    );
  if ("port" in error) {
    const ports = { PORT: port, S3_PORT: s3Port, DYNAMODB_PORT: dynamodbPort };
    const name = Object.entries(ports).find(([, value]) => value === error.port)?.[0] ?? "PORT";
    const reason = error.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${error.code})`;
    return new StartError(
      `Port ${error.port} ${reason}. Set ${name} to a free port, or stop the program that uses it.`,
    );
  }
  if (
    "path" in error &&
    ["ENOENT", "EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENOSPC"].includes(String(error.code))
  )
    return new StartError(
      `The data folder ${dataDir} cannot be used: ${error.message}. Set DATA_DIR to a folder that can be written.`,
    );
  return undefined;
}
