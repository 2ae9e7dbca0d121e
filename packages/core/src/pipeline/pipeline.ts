/**
 * What happens when a signal comes: the protocol's decision, the work, and the commit. Whatever goes wrong at any
 * line, the message stays in the queue or the reconciler finds the image again.
 */
export * as Pipeline from "./pipeline.ts";

import { createHash } from "node:crypto";
import { Storage } from "../aws/storage.ts";
import type { File } from "../engine/encode.ts";
import type { Name } from "../engine/recipe.ts";
import { Rejection } from "../engine/rejection.ts";
import { release } from "../engine/release.ts";
import { render } from "../engine/render.ts";
import type { Signal } from "../records/message.ts";
import { Protocol } from "../records/protocol.ts";
import { read, write } from "../records/record.ts";
import type { Settings } from "../settings.ts";
import type { ImageRecord, StoredFile, StoredVariant } from "../table/image-entity.ts";
import { purge } from "./cleanup.ts";
import { contextOf, find, type Report, triesMax } from "./subject.ts";

/** Handles one signal to its end. Throws on faults of ours, with the lease given back; the queue tries again. */
export async function handle(signal: Signal, settings: Settings.Pipeline): Promise<Report> {
  const { imageID, owner, record: found } = await find(signal.key);
  const etag = signal.kind === "check" ? await Storage.etagOfOriginal(signal.key) : undefined;

  for (let tries = 0, record = found; tries < triesMax; tries++, record = await read(imageID)) {
    const decision = decide(record, signal, etag, contextOf(imageID, owner, settings));
    if (decision.do === "acknowledge" || decision.do === "retry") {
      if (record && decision.do === "acknowledge") await purge(record);
      return { acknowledge: decision.do === "acknowledge", imageID, did: decision.why };
    }
    const written = await write(record, decision.draft, decision.entry);
    if (!written) continue;
    if (decision.do === "claim") return work(written, signal, settings);
    await purge(written);
    return { acknowledge: true, imageID, did: `wrote ${written.status}` };
  }
  throw new Error(`${imageID} is being written by too many at once; the queue will try again.`);
}

function decide(
  record: ImageRecord | undefined,
  signal: Signal,
  etag: string | undefined,
  context: Protocol.Context,
): Protocol.Decision {
  switch (signal.kind) {
    case "created":
      return Protocol.onCreated(record, signal, context);
    case "removed":
      return Protocol.onRemoved(record, signal, context);
    case "check":
      return Protocol.onCheck(record, signal, etag, context);
  }
}

async function work(claimed: ImageRecord, signal: Signal, settings: Settings.Pipeline): Promise<Report> {
  let outcome: Protocol.Outcome;
  try {
    outcome = await make(claimed, settings);
  } catch (error) {
    // Should this fail too, the lease ends by itself; the first error is the one to report.
    await Promise.allSettled([commit(claimed, { is: "interrupted" }, settings)]);
    throw error;
  }
  const { imageID } = claimed;
  const committed = await commit(claimed, outcome, settings);
  if (committed) {
    await purge(committed);
    return { acknowledge: true, imageID, did: outcome.is };
  }
  const record = await read(imageID);
  return {
    acknowledge: Protocol.mayAcknowledge(record, signal),
    imageID,
    did: `${outcome.is}, but the lease was lost`,
  };
}

/** Writes the outcome, if this attempt still counts. */
async function commit(claimed: ImageRecord, outcome: Protocol.Outcome, settings: Settings.Pipeline) {
  let record: ImageRecord | undefined = claimed;
  for (let tries = 0; tries < triesMax; tries++) {
    const { imageID, owner } = claimed;
    const next = Protocol.onOutcome(record, claimed.attempt, outcome, contextOf(imageID, owner, settings));
    if (!next) return undefined;
    const written = await write(record, next.draft, next.entry);
    if (written) return written;
    record = await read(imageID);
  }
  throw new Error(`${claimed.imageID} is being written by too many at once; the queue will try again.`);
}

/** Reads, renders and stores. Nothing here is visible to anybody until the commit names it. */
async function make(claimed: ImageRecord, settings: Settings.Pipeline): Promise<Protocol.Outcome> {
  const { imageID, key, etag, attempt } = claimed;
  if (!etag) throw new Error(`${imageID} was claimed without an upload.`);
  const original = await Storage.readOriginal(key, etag, settings.bytesMax);
  if (original.is === "gone" || original.is === "changed") return { is: original.is };
  if (original.is === "too_large") {
    const message = `The file has ${original.bytes} bytes; at most ${settings.bytesMax} are accepted.`;
    return { is: "rejected", code: "too_many_bytes", message, bytes: original.bytes };
  }
  const { bytes } = original;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  try {
    const { source, placeholder, variants } = await render(bytes, settings);
    const { length } = bytes;
    release(bytes);
    const folder = `${imageID}/${attempt}-${etag.slice(0, 8)}`;
    const stored = await Promise.all(
      variants.map(async ({ name, width, height, files }): Promise<[Name, StoredVariant]> => {
        const [shown, ...also] = await Promise.all(files.map((file) => store(`${folder}/${name}`, file)));
        if (!shown) throw new Error(`The variant ${name} has no file.`);
        return [name, { ...shown, width, height, ...(also.length > 0 ? { also } : {}) }];
      }),
    );
    for (const { files } of variants) for (const file of files) release(file.bytes);
    const result = { bytes: length, sha256, source, placeholder, variants: Object.fromEntries(stored) };
    return { is: "ready", result };
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    return { is: "rejected", code: error.code, message: error.message, bytes: bytes.length, sha256 };
  }
}

async function store(path: string, { format, contentType, extension, bytes }: File): Promise<StoredFile> {
  const key = `${path}.${extension}`;
  await Storage.writeVariant(key, bytes, contentType);
  return { key, format, contentType, bytes: bytes.length };
}
