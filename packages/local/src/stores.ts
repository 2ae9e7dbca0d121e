/** The two stores that everything else stands on: our own on this disk, or whatever endpoints the user names instead. */
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { startDynamodb } from "./dynamodb.ts";
import { type Credentials, names } from "./environment.ts";
import { expire } from "./expiry.ts";
import { systemClock } from "./queue.ts";
import type { ObjectEvent } from "./s3/event.ts";
import type { Origins } from "./s3/headers.ts";
import { startS3 } from "./s3/server.ts";
import { every } from "./schedule.ts";
import { StartError } from "./start-error.ts";
import { caller, ensureTable } from "./table.ts";

export type Options = {
  dataDir: string;
  s3Port: number;
  dynamodbPort: number;
  region: string;
  credentials: Credentials;
  /** Endpoints that take the place of ours. */
  endpoints: { s3?: string; dynamodb?: string };
  corsOrigins: Origins;
  onEvent(event: ObjectEvent): void;
};

type Store = { url: string; close(): Promise<void> };

/** A page of the table is looked through for what has expired, and then the next: an hour for 70,000 items. */
const expiry = { everyMs: 5_000, limit: 100 };

/** Starts the table's endpoint unless one is named, and makes the table. */
export async function openTable(options: Options): Promise<Store> {
  const { dataDir, dynamodbPort: port, endpoints, credentials, region } = options;
  const own = endpoints.dynamodb
    ? undefined
    : await startDynamodb({ folder: join(dataDir, "dynamodb"), port });
  const url = own?.url ?? withoutSlash(endpoints.dynamodb);
  const call = caller(new AwsClient({ ...credentials, region, service: "dynamodb", retries: 3 }), url);
  await ensureTable(call, names.table);
  let start: object | undefined;
  const sweep = async () => {
    start = await expire(call, names.table, { start, limit: expiry.limit, now: Date.now() });
  };
  // Another DynamoDB sees to this itself, if it is asked to.
  const cancel = own ? every(expiry.everyMs, sweep, systemClock) : () => {};
  const close = async () => {
    cancel();
    await own?.close();
  };
  return { url, close };
}

/** Starts the buckets' endpoint unless one is named; there, makes the buckets. Another endpoint sends no events. */
export async function openBuckets(options: Options): Promise<Store> {
  const { dataDir, s3Port: port, endpoints, credentials, region, corsOrigins, onEvent } = options;
  const buckets = [names.uploads, names.processed];
  if (!endpoints.s3) {
    const dir = join(dataDir, "s3");
    return await startS3({ dataDir: dir, port, buckets, region, ...credentials, corsOrigins, onEvent });
  }
  const url = withoutSlash(endpoints.s3);
  const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 3 });
  for (const bucket of buckets) {
    const { status } = await aws.fetch(`${url}/${bucket}`, { method: "HEAD" });
    const made = status === 404 ? await aws.fetch(`${url}/${bucket}`, { method: "PUT" }) : undefined;
    const failed = made ? !made.ok : status !== 200;
    if (failed)
      throw new StartError(
        `${url} gives no bucket ${bucket} (${made?.status ?? status}). Check AWS_ENDPOINT_URL_S3.`,
      );
  }
  return { url, close: async () => {} };
}

const withoutSlash = (url = "") => url.replace(/\/+$/, "");
