/**
 * The cloud on one machine: S3, DynamoDB, the queue with its dead-letter queue, the schedule and the front door, around
 * the handlers that are deployed. Every port is open on 127.0.0.1 only, the front door also where HOST says.
 */
import { createHash, createPublicKey, generateKeyPair, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hasLazy, recipe } from "@image-pipeline/core/engine/recipe";
import { ID } from "@image-pipeline/core/id";
import type { Settings } from "@image-pipeline/core/settings";
import { AwsClient } from "aws4fetch";
import { startDeliveries } from "./deliveries.ts";
import {
  type Credentials,
  deliveriesOf,
  enterProcess,
  environmentFile,
  importsOf,
  names,
  type StartSettings,
  slowDeliveriesOf,
  variables,
} from "./environment.ts";
import { createGallery } from "./gallery.ts";
import { isTrustedOrigin } from "./isolation.ts";
import { closeServer, listen } from "./listen.ts";
import { createMedia } from "./media.ts";
import { type Processing, startProcessing } from "./processing.ts";
import { addressesOf, publicUrlOf, trustOf } from "./public-url.ts";
import { startReconciling } from "./reconciling.ts";
import { startRendering } from "./rendering.ts";
import { eventRecord, type ObjectEvent } from "./s3/event.ts";
import { prefix } from "./s3/request.ts";
import { createFrontDoor, createFrontDoorServer, type Loaded } from "./server.ts";
import { sqsEndpoint } from "./sqs.ts";
import { openBuckets, openTable } from "./stores.ts";

/**
 * `endpoints`, `host` and `publicUrl` may be left out; `workers` is the number of images in progress at once, by default
 * one for each core. `rebuild` moves the table aside: the comparison of bucket and table makes the records again.
 */
export type Options = Omit<StartSettings, "endpoints" | "host" | "publicUrl"> &
  Partial<StartSettings> & { workers?: number; rebuild?: boolean };

/**
 * A running cloud. `url` is the front door on this machine, `publicUrl` the one in URLs for callers. `settled` resolves when the queue is empty and idle. `stop` gives work in progress five
 * seconds.
 */
export type Cloud = {
  url: string;
  publicUrl: string;
  s3Url: string;
  dynamodbUrl: string;
  region: string;
  credentials: Credentials;
  /** Lines for the user about endpoints that they named. */
  notes: string[];
  settled(): Promise<void>;
  stop(): Promise<void>;
};

const graceMs = 5_000;

/** Memory of a worker process in MB. A megapixel decodes to 4 MB; 50, the limit, stay well below with every copy. */
const memoryMB = 1024;

/** The folder of the repository, which holds the documentation. */
const repository = fileURLToPath(new URL("../../../", import.meta.url));

let started = false;

/**
 * Starts the cloud, and the comparison of bucket and table that finds the messages lost at the last stop. Once in a
 * process: handlers read the URLs when their modules are loaded. Port 0 takes a free port. If a port or the data folder
 * is in use, stops everything again and throws.
 */
export async function startCloud(options: Options): Promise<Cloud> {
  if (started)
    throw new Error("This process has started a cloud already. Start another one in another process.");
  started = true;
  const stops: Stops = { first: [], last: [] };
  const stop = async () => {
    await Promise.all(stops.first.splice(0).map((stop) => stop()));
    await Promise.all(stops.last.splice(0).map((stop) => stop()));
  };
  try {
    return { ...(await start(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** `first` stops the workers, `last` the stores that they use. */
type Stops = Record<"first" | "last", (() => Promise<void>)[]>;

async function start(options: Options, stops: Stops): Promise<Omit<Cloud, "stop">> {
  const { dataDir, pipeline, workers = availableParallelism(), endpoints = {} } = options;
  const region = options.region ?? "us-east-1";
  const credentials = options.credentials ?? { accessKeyId: "local", secretAccessKey: "local-secret" };
  await createFolder(dataDir);
  const cursorKey = await secretIn(join(dataDir, "cursor-key"), () => randomBytes(32).toString("base64url"));
  const mediaKey = mediaKeyOf(await secretIn(join(dataDir, "media-key"), createMediaKey));

  // Ports are opened first, because the handlers need the URLs; requests wait until the handlers are loaded.
  let processing: Processing | undefined;
  const early: Early[] = [];
  const onEvent = (event: ObjectEvent) => {
    if (event.bucket !== names.uploads) return;
    const body = JSON.stringify({ Records: [eventRecord(event, region)] });
    const group = ID.groupOf(event.key);
    if (processing) processing.queue.send(body, { group });
    else early.push({ body, group });
  };
  const loaded = Promise.withResolvers<Loaded>();
  const exposure = { host: options.host ?? "", publicUrl: options.publicUrl ?? "" };
  const trust = trustOf({ ...exposure, corsOrigins: pipeline.corsOrigins });
  let port = String(options.port);
  for (const address of addressesOf(exposure)) {
    const frontDoor = createFrontDoorServer(trust, loaded.promise);
    port = new URL(await listen(frontDoor, Number(port), address)).port;
    stops.first.push(() => closeServer(frontDoor, graceMs));
  }
  const url = `http://127.0.0.1:${port}`;
  const publicUrl = publicUrlOf(exposure, port);
  const otherUrl = publicUrl === url ? undefined : publicUrl;
  const stores = { ...options, endpoints, credentials, region, trust, publicUrl: otherUrl, onEvent };
  const table = await openTable(stores);
  stops.last.push(table.close);
  const buckets = await openBuckets(stores);
  stops.last.push(buckets.close);

  // Clients that need PUBLIC_URL reach one port. Otherwise uploads have another origin than the API, as on a stage.
  const onePort = otherUrl !== undefined && !endpoints.s3;
  const s3PublicUrl = onePort ? publicUrl + prefix : buckets.url;
  const queuePath = `/000000000000/${names.queue}`;
  const places = {
    region,
    credentials,
    s3Url: buckets.url,
    dynamodbUrl: table.url,
    url,
    publicUrl,
    uploadsUrl: `${s3PublicUrl}/${names.uploads}`,
    queuePath,
    cursorKey,
    mediaKey,
  };
  const env = enterProcess({ ...places, pipeline });
  const found = join(dataDir, environmentFile);
  await writeFile(found, JSON.stringify(variables({ ...places, pipeline })), { mode: 0o600 });
  stops.first.push(() => rm(found, { force: true }));

  // Before the workers start: until then every lease is of a worker that ended with an earlier server.
  if (!endpoints.dynamodb) early.push(...(await releaseLeases(pipeline)));

  const { processorTimeoutSeconds: timeoutSeconds } = pipeline;
  const running = startProcessing({ region, env, workers, timeoutSeconds, memoryMB });
  stops.first.push(() => running.close(graceMs));
  processing = running;
  for (const { body, group } of early) running.queue.send(body, { group });
  const reconciling = startReconciling({ region, env, memoryMB, events: !endpoints.s3 });
  stops.first.push(() => reconciling.close(graceMs));

  const rendering = hasLazy(recipe)
    ? startRendering({ region, env, workers, timeoutSeconds: pipeline.decodeSecondsMax + 10, memoryMB })
    : undefined;
  if (rendering) stops.first.push(() => rendering.close(graceMs));

  const { createApp } = await import("@image-pipeline/functions/http/app");
  const { documentsOf } = await import("@image-pipeline/functions/http/documents");
  const { linkedSettings } = await import("@image-pipeline/functions/api");
  const corsOrigins = (origin: string) => isTrustedOrigin(origin, trust);
  const api = createApp({ ...linkedSettings(), corsOrigins, documents: () => documentsOf(repository) });
  const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
  const identity = { ...credentials, region, service: "sqs" };
  const { queue, imports, deadLetters } = running;
  const { handler } = await import("@image-pipeline/functions/sender");
  const delivering = startDeliveries({ name: "deliveries", region, handler });
  const deliveringSlowly = startDeliveries({ name: "slow-deliveries", region, handler });
  stops.first.push(
    () => delivering.stop(),
    () => deliveringSlowly.stop(),
  );
  const others = new Map([
    [importsOf(queuePath), imports],
    [deliveriesOf(queuePath), delivering],
    [slowDeliveriesOf(queuePath), deliveringSlowly],
  ]);
  const app = createFrontDoor({
    media: createMedia({
      aws,
      s3Url: buckets.url,
      bucket: names.processed,
      trust,
      render: rendering?.render,
      publicUrl,
      keys: new Map([[mediaKey.id, createPublicKey(mediaKey.privateKey)]]),
    }),
    gallery: createGallery({ store: new URL(s3PublicUrl).origin, media: publicUrl }),
    sqs: sqsEndpoint({ path: queuePath, queue, deadLetters, others, identity }),
    api: (request) => api.fetch(request),
  });
  loaded.resolve({ app, s3: onePort ? buckets.serve : undefined });
  const settled = async () => {
    await reconciling.compared;
    await running.settled();
  };
  return {
    url,
    publicUrl,
    s3Url: buckets.url,
    dynamodbUrl: table.url,
    region,
    credentials,
    notes: buckets.notes ?? [],
    settled,
  };
}

/** A message for the queue and the owner that it belongs to. */
type Early = { body: string; group: string };

/** Releases the leases of an earlier server's workers, and returns a message for each of their images. */
async function releaseLeases(pipeline: Settings.Pipeline): Promise<Early[]> {
  const { Restart } = await import("@image-pipeline/core/pipeline/restart");
  const checks = await Restart.release(pipeline);
  const [images, are] = checks.length === 1 ? ["image", "is"] : ["images", "are"];
  if (checks.length > 0)
    console.log(`${checks.length} ${images} in progress when the server last ended ${are} processed again.`);
  return checks.map((check) => ({ body: JSON.stringify(check), group: ID.groupOf(check.key) }));
}

/**
 * Creates a folder and its parents. `mkdir` with `recursive` never returns where a parent exists and yet refuses with
 * ENOENT, as in /proc.
 */
async function createFolder(folder: string): Promise<void> {
  const create = () =>
    mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST" || !(await stat(folder)).isDirectory()) throw error;
    });
  try {
    await create();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || existsSync(dirname(folder))) throw error;
    await createFolder(dirname(folder));
    await create();
  }
}

/** The key that signs URLs of private images, and its id, which is derived from it as CloudFront's looks. */
function mediaKeyOf(privateKey: string): { id: string; privateKey: string } {
  const der = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const id = `K${createHash("sha256").update(der).digest("hex").slice(0, 13).toUpperCase()}`;
  return { id, privateKey };
}

async function createMediaKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

/**
 * Reads a secret of the data folder, and creates it at the first start, so that cursors and signed URLs survive a
 * restart. Written to another name first: a process that is killed meanwhile leaves no half of a key.
 */
async function secretIn(file: string, create: () => string | Promise<string>): Promise<string> {
  const kept = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  // An earlier version left it empty if it was killed while it wrote the file.
  if (kept !== "") return kept;
  const secret = await create();
  await writeFile(`${file}.new`, secret, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secret;
}
