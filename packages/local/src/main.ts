/** `npm start`: the whole product on this machine, until Ctrl-C. */
import { fileURLToPath } from "node:url";
import { VisibleError } from "@image-pipeline/core/error";
import type { Settings } from "@image-pipeline/core/settings";
import { type Cloud, startCloud } from "./cloud.ts";
import { names, readSettings, StartError } from "./environment.ts";

/** `.env` and DATA_DIR are relative to the repository, even if `npm start` runs in another folder. */
process.chdir(fileURLToPath(new URL("../../../", import.meta.url)));

/** One Ctrl-C in a terminal can reach this process twice, once through npm: signals so close together are one. */
const echoMs = 300;

try {
  const settings = readSettings();
  const cloud = await startCloud(settings).catch((error) => {
    throw startErrorOf(error, settings) ?? error;
  });
  stopOnSignal(cloud.stop);
  console.log(banner(cloud, settings.dataDir));
} catch (error) {
  console.error(error instanceof VisibleError || error instanceof StartError ? error.message : error);
  process.exit(1);
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
}

/** Translates an error of the network or the file system into one that names the setting to change. */
function startErrorOf(error: unknown, settings: Settings.Local): StartError | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  const { port, s3Port, dynamodbPort, dataDir } = settings;
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

/** The text that `npm start` prints when it is ready. */
function banner({ url, s3Url, dynamodbUrl, region, credentials, notes }: Cloud, dataDir: string): string {
  const { accessKeyId, secretAccessKey } = credentials;
  const keys = `AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_DEFAULT_REGION=${region}`;
  return `
  The image pipeline is ready. Open ${url} and drop an image on the page.

    Gallery      ${url}
    API          ${url.padEnd(24)} reference at /docs, files at /media
    S3           ${s3Url.padEnd(24)} buckets ${names.uploads} and ${names.processed}
    DynamoDB     ${dynamodbUrl.padEnd(24)} table ${names.table}
    Region       ${region.padEnd(24)} access key ${accessKeyId}, secret ${secretAccessKey}
    Data         ${dataDir}
${notes.map((note) => `\n  ${note}\n`).join("")}
  Upload an image and list it:
    ${keys} \\
      aws --endpoint-url ${s3Url} s3 cp photo.jpg s3://${names.uploads}/photo.jpg
    curl ${url}/images

  Ctrl-C stops it. The data stays.
`;
}
