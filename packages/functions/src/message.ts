/** Messages on the queues: S3 event notifications, checks that the reconciler or the API sends, and imports. */

import {
  check,
  type Importing,
  importing,
  type Message,
  sequencerOf,
} from "@image-pipeline/core/records/message";
import type { S3Event, S3EventRecord } from "aws-lambda";
import * as v from "valibot";

/** The messages of an SQS record, and the reasons why parts of it were ignored (for the log). */
export type Content = { messages: (Message | Importing)[]; ignored: string[] };

/**
 * Parses the body of an SQS record. Ignores, with a reason, what it cannot parse or what comes from another bucket: a
 * retry would give the same result.
 */
export function read(body: string, bucket: string): Content {
  let content: unknown;
  try {
    content = JSON.parse(body);
  } catch (error) {
    return { messages: [], ignored: [`not JSON: ${error instanceof Error ? error.message : error}`] };
  }
  const own = v.safeParse(v.variant("kind", [check, importing]), content);
  if (own.success) return { messages: [own.output], ignored: [] };
  const records = (content as Partial<S3Event> | null)?.Records;
  // S3 sends one `s3:TestEvent`, without records, when the notification is set up.
  if (!Array.isArray(records)) return { messages: [], ignored: ["no records"] };
  const parsed: Content = { messages: [], ignored: [] };
  for (const record of records) {
    const message = messageOf(record, bucket);
    if (typeof message === "string") parsed.ignored.push(message);
    else parsed.messages.push(message);
  }
  return parsed;
}

const Notification = v.object({
  eventName: v.string(),
  s3: v.object({
    bucket: v.object({ name: v.string() }),
    object: v.object({
      key: v.string(),
      sequencer: v.pipe(v.string(), v.regex(/^[0-9a-f]{1,32}$/i)),
      eTag: v.optional(v.pipe(v.string(), v.minLength(1))),
    }),
  }),
});

function messageOf(record: S3EventRecord, bucket: string): Message | string {
  const read = v.safeParse(Notification, record);
  if (!read.success) return `not a notification: ${read.issues[0].message}`;
  const { eventName, s3 } = read.output;
  if (s3.bucket.name !== bucket) return `from the bucket ${s3.bucket.name}`;
  const key = decodeKey(s3.object.key);
  if (key === undefined) return `a key that cannot be decoded: ${s3.object.key}`;
  const sequencer = sequencerOf(s3.object.sequencer);
  if (eventName.startsWith("ObjectCreated:") && s3.object.eTag) {
    return { kind: "created", key, sequencer, etag: s3.object.eTag };
  }
  // Lifecycle rules expire originals without `ObjectRemoved`.
  if (/^(ObjectRemoved|LifecycleExpiration):/.test(eventName)) return { kind: "removed", key, sequencer };
  return `the event ${eventName}`;
}

/** Keys in events are form-encoded: `+` is a space, and a real plus sign is `%2B`. */
function decodeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
