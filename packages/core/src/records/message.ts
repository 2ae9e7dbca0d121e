/** Messages on the processing queue: object created, object removed, or check. */
import * as v from "valibot";

/** S3 created or removed an object; `sequencer` is the order of such events for one key. */
export type Created = { kind: "created"; key: string; sequencer: string; etag: string };
export type Removed = { kind: "removed"; key: string; sequencer: string };

/**
 * Check that the API, the reconciler and the CLI send: compares the object under a key with its record, unless the
 * record has changed since `attempt`. `by` names the sender.
 */
export const check = v.object({
  kind: v.literal("check"),
  key: v.pipe(v.string(), v.minLength(1)),
  attempt: v.pipe(v.number(), v.integer(), v.minValue(0)),
  by: v.string(),
});
export type Check = v.InferOutput<typeof check>;

export type Message = Created | Removed | Check;

/**
 * Normalizes a sequencer, so that string order is S3's order: upper case, padded with zeros on the right.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export const sequencerOf = (raw: string) => raw.toUpperCase().padEnd(32, "0");
