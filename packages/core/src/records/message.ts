/** What tells the pipeline that something happened, or should be looked at. */
import * as v from "valibot";

/** Something was put under a key, or taken away; `sequencer` says in which order, for one key. */
export type Created = { kind: "created"; key: string; sequencer: string; etag: string };
export type Removed = { kind: "removed"; key: string; sequencer: string };

/**
 * Our own message: look at what really lies under this key and bring the record in line, unless it has moved on
 * from `attempt`. `by` is who asked.
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
 * A sequencer in the form in which string order is S3's order: upper case, padded with zeros on the right.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export const sequencerOf = (raw: string) => raw.toUpperCase().padEnd(32, "0");
