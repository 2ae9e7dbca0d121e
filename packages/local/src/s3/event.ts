/** The events that the endpoint sends, and the sequencer that orders those of one key. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { S3EventRecord } from "aws-lambda";
import { isMissing, replaceFile } from "./disk.ts";

/** An object that was written or removed, durably. `time` is when; `sequencer` orders the events of one key. */
export type ObjectEvent = {
  bucket: string;
  key: string;
  name: `ObjectCreated:${"Put" | "Post" | "Copy" | "CompleteMultipartUpload"}` | "ObjectRemoved:Delete";
  /** In bytes; absent on removal, as `eTag` is. */
  size?: number;
  /** Without quotes. */
  eTag?: string;
  sequencer: string;
  time: Date;
};

/**
 * Returns the record that S3 sends, version 2.1, with the key form-encoded (a space becomes `+`). S3 sends neither size
 * nor ETag for a removal, although `S3EventRecord` has them.
 */
export function eventRecord(event: ObjectEvent, region: string): S3EventRecord {
  const { bucket, key, name, size, eTag, sequencer, time } = event;
  const object = { key: formEncoded(key), size, eTag, sequencer } as S3EventRecord["s3"]["object"];
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: region,
    eventTime: time.toISOString(),
    eventName: name,
    userIdentity: { principalId: "AWS:local" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": sequencer, "x-amz-id-2": sequencer },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: "local",
      bucket: { name: bucket, ownerIdentity: { principalId: "local" }, arn: `arn:aws:s3:::${bucket}` },
      object,
    },
  };
}

const formEncoded = (key: string) =>
  encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replaceAll("%20", "+")
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** Numbers that are reserved on disk at once; a crash skips the rest of them. */
const reserve = 1 << 16;

/** Numbers per millisecond that the clock adds at a start: 2^12 keeps the sum an exact integer until the year 2039. */
const perMillisecond = 4096;

/** The numbers that order the events of one key. */
export type Sequencer = {
  /** The next number, 16 upper-case hex digits; greater than every one before it, over restarts and deletions. */
  next(): Promise<string>;
};

/**
 * Opens the sequencer of a data folder. It starts from the clock, so that sequencers in an emptied folder
 * are not lower than those in the database, and never below its last reservation, in case the clock went back.
 */
export async function openSequencer(folder: string, now: () => number): Promise<Sequencer> {
  const file = path.join(folder, "sequencer");
  let next = Math.max(await reservedIn(file), Math.floor(now()) * perMillisecond);
  let reserved = next;
  let reserving: Promise<void> | undefined;

  async function extend(): Promise<void> {
    const until = next + reserve;
    await replaceFile(file, String(until), `${file}.new`);
    reserved = until;
  }

  return {
    async next() {
      while (next >= reserved) {
        reserving ??= extend().finally(() => {
          reserving = undefined;
        });
        await reserving;
      }
      return (next++).toString(16).toUpperCase().padStart(16, "0");
    },
  };
}

async function reservedIn(file: string): Promise<number> {
  try {
    const reserved = Number(await readFile(file, "utf8"));
    if (!Number.isSafeInteger(reserved))
      throw new Error(`${file} must hold a number. Remove it: the clock gives the next number.`);
    return reserved;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
