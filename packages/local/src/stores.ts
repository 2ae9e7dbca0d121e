/** The table and the buckets: the embedded endpoints, or others that the user names. */
import { join } from "node:path";
import { every, systemClock } from "./clock.ts";
import { startDynamodb } from "./dynamodb.ts";
import { type Credentials, names, reasonOf, StartError } from "./environment.ts";
import type { Trust } from "./isolation.ts";
import { allowUploads, createBuckets } from "./other-s3.ts";
import type { ObjectEvent } from "./s3/event.ts";
import { type S3, startS3 } from "./s3/server.ts";
import { createClient, ensureTable, expire, type Key } from "./table.ts";

export type Options = {
  dataDir: string;
  s3Port: number;
  dynamodbPort: number;
  region: string;
  credentials: Credentials;
  /** URLs of other endpoints; without one the embedded endpoint is started. */
  endpoints: { s3?: string; dynamodb?: string };
  trust?: Trust;
  /** Moves the table aside and starts with an empty one. */
  rebuild?: boolean;
  /** The origin that presigned URLs name, if it is not the endpoint's own. */
  publicUrl?: string;
  onEvent(event: ObjectEvent): void;
};

/** `notes` are lines for the user about an endpoint that they named. */
type Store = { url: string; close(): Promise<void>; notes?: string[] };

/** The sweep for expired items: a page of `limit` items every `everyMs`, an hour for 70,000 items. */
const expiry = { everyMs: 5_000, limit: 100 };

/** Starts the DynamoDB endpoint unless another is named, and creates the table. Throws a `StartError` about the other. */
export async function openTable(options: Options): Promise<Store> {
  const { dataDir, dynamodbPort: port, endpoints, credentials, region } = options;
  const own = endpoints.dynamodb
    ? undefined
    : await startDynamodb({
        folder: join(dataDir, "dynamodb"),
        port,
        trust: options.trust,
        rebuild: options.rebuild,
      });
  const url = own?.url ?? withoutSlash(endpoints.dynamodb);
  const client = createClient({ endpoint: url, region, credentials });
  await ensureTable(client, names.table).catch((cause) => {
    if (own || cause instanceof StartError) throw cause;
    const reason = reasonOf(cause);
    throw new StartError(
      `The table ${names.table} at ${url} cannot be used: ${reason}. Check AWS_ENDPOINT_URL_DYNAMODB and the access key.`,
      { cause },
    );
  });
  let start: Key | undefined;
  const expirePage = async () => {
    start = await expire(client, names.table, { start, limit: expiry.limit, now: Date.now() });
  };
  let sweep: Promise<void> | undefined;
  const run = () => {
    sweep = expirePage();
    return sweep;
  };
  // Another DynamoDB has time to live.
  const cancel = own ? every(expiry.everyMs, run, systemClock) : () => {};
  const close = async () => {
    cancel();
    // dynalite goes on with a request whose connection is cut, and would meet a closed database. `every` logs an error.
    await sweep?.catch(() => undefined);
    client.destroy();
    await own?.close();
  };
  return { url, close };
}

/**
 * Starts the S3 endpoint, or creates the missing buckets at the named one and sets the CORS rules of `uploads`. Throws a
 * `StartError` about the named one.
 */
export async function openBuckets(options: Options): Promise<Store & Partial<S3>> {
  const { dataDir, s3Port: port, endpoints, credentials, region, trust, publicUrl, onEvent } = options;
  const buckets = [names.uploads, names.processed];
  if (!endpoints.s3) {
    const dir = join(dataDir, "s3");
    return await startS3({ dataDir: dir, port, buckets, region, ...credentials, trust, publicUrl, onEvent });
  }
  const url = withoutSlash(endpoints.s3);
  const other = { url, region, credentials };
  await createBuckets(other, buckets);
  const refused = await allowUploads(other, names.uploads, trust);
  const notes = ["This S3 sends no events: an upload stays pending for up to a minute."];
  if (refused)
    notes.push(
      `It refused the CORS rules of ${names.uploads} (${refused}): uploads from a browser need them on the server.`,
    );
  return { url, close: async () => {}, notes };
}

const withoutSlash = (url = "") => url.replace(/\/+$/, "");
