/** Messages on the processing queue (object created, object removed, or check) and on the queue of imports. */
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

/**
 * An import: the importer gets the object under a key from a URL. `tries` counts the attempts before this one. `headers`
 * may hold secrets of the caller: they exist in messages only, never in records and logs.
 */
export const importing = v.object({
  kind: v.literal("import"),
  key: v.pipe(v.string(), v.minLength(1)),
  url: v.string(),
  headers: v.optional(v.record(v.string(), v.string())),
  tries: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type Importing = v.InferOutput<typeof importing>;

/** Codes of imports that ended without bytes. Clients map each code to their own text. */
export const importCodes = [
  "import_refused",
  "import_unavailable",
  "import_unreachable",
  "import_too_large",
  "import_timeout",
  "import_interrupted",
] as const;
export type ImportCode = (typeof importCodes)[number];

export type Message = Created | Removed | Check;

/**
 * Normalizes a sequencer, so that string order is S3's order: upper case, padded with zeros on the right.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export const sequencerOf = (raw: string) => raw.toUpperCase().padEnd(32, "0");
