/**
 * Handles queue messages: the protocol's decision, the work, and the commit. After a failure at any line the message
 * stays in the queue, or the reconciler finds the image again.
 */
export * as Pipeline from "./pipeline.ts";

import { createHash } from "node:crypto";
import { Storage } from "../aws/storage.ts";
import { Exhausted, withinBudget } from "../engine/budget.ts";
import { Check } from "../engine/check.ts";
import { extensions, type File, widelyKnown } from "../engine/encode.ts";
import type { Facts } from "../engine/facts.ts";
import { contentTypeOf } from "../engine/format.ts";
import { free } from "../engine/free.ts";
import { narrower, plan } from "../engine/plan.ts";
import { isLazy, names, recipe, type Spec } from "../engine/recipe.ts";
import { Rejection } from "../engine/rejection.ts";
import { render, type Variant } from "../engine/render.ts";
import { Quota } from "../images/quota.ts";
import type { Context } from "../records/draft.ts";
import type { Message } from "../records/message.ts";
import type { Checked, Outcome } from "../records/outcome.ts";
import { Placement } from "../records/placement.ts";
import { Protocol } from "../records/protocol.ts";
import { read } from "../records/record.ts";
import type { Settings } from "../settings.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import type { StoredFile, StoredVariant } from "../table/stored-variant.ts";
import { carryOut, cleanUp, type Report, resolve } from "./decision.ts";

/** The share of a function's memory by which it may grow for one image; the rest is the process itself. */
const memoryShare = 0.8;

/**
 * Handles one message in a function of `memoryMB`. Throws internal errors, after releasing the lease; SQS
 * redelivers the message. `exhausted`: a decoder is still running, and the process must end.
 */
export async function handle(
  message: Message,
  settings: Settings.Pipeline,
  memoryMB: number,
): Promise<Report & { exhausted?: boolean }> {
  const subject = await resolve(message.key);
  const { imageID } = subject;
  // First: a claim may be deferred or refused, and these files must not wait for that.
  await Storage.removeVariants(subject.record?.revoked?.keys ?? []);
  const etag = message.kind === "check" ? await Storage.etagOfOriginal(message.key) : undefined;
  const { written, decision, record } = await carryOut(subject, settings, (record, context) =>
    charge(record, message, decide(record, message, etag, context), settings),
  );
  if (!written) {
    if (record && decision.do === "acknowledge") await cleanUp(record);
    return { acknowledge: decision.do === "acknowledge", imageID, did: decision.why, idle: true };
  }
  if (decision.do === "claim") return work(record, message, settings, memoryMB);
  await cleanUp(record);
  return { acknowledge: true, imageID, did: `wrote ${record.status}`, idle: true };
}

function decide(
  record: ImageRecord | undefined,
  message: Message,
  etag: string | undefined,
  context: Context,
): Protocol.Decision {
  switch (message.kind) {
    case "created":
      return Protocol.rules.onCreated(record, message, context);
    case "removed":
      return Protocol.rules.onRemoved(record, message, context);
    case "check":
      return Protocol.rules.onCheck(record, message, etag, context);
  }
}

/**
 * Takes what a claim costs from the owner's quota and share of the processor, before it is written: a crash in between
 * counts the event once all the same, and the run once more. Refuses the claim if the quota is used up, and defers it if
 * the share is. An upload under the key of an image in the trash takes from the quota too: its bytes are kept.
 */
async function charge(
  record: ImageRecord | undefined,
  message: Message,
  decision: Protocol.Decision,
  settings: Settings.Pipeline,
): Promise<Protocol.Decision> {
  if (decision.do !== "claim" && decision.do !== "write") return decision;
  const { draft } = decision;
  const isTrashed = draft.status === "trashed";
  if (decision.do === "write" && !isTrashed) return decision;
  const { owner } = draft;
  // The same bytes again are not processed, and take nothing from the quota.
  const isOther = draft.etag !== record?.etag;
  const event = isTrashed && !isOther ? undefined : Protocol.rules.replayOf(record, message);
  const bytes = record?.declared?.bytes ?? settings.bytesMax;
  const isRefused = record && event !== undefined && !(await Quota.replay({ owner, event, bytes }, settings));
  if (isTrashed)
    return isRefused ? { ...decision, draft: Protocol.rules.onOverQuotaInTrash(draft) } : decision;
  if (isRefused) return { do: "write", ...Protocol.rules.onOverQuota(record, draft, Date.now()) };
  if (await Quota.run(owner, settings)) return decision;
  return { do: "write", ...Protocol.rules.onOverShare(draft, Date.now()) };
}

async function work(
  claimed: ImageRecord,
  message: Message,
  settings: Settings.Pipeline,
  memoryMB: number,
): Promise<Report & { exhausted?: boolean }> {
  const { imageID } = claimed;
  let outcome: Outcome & { exhausted?: boolean };
  try {
    outcome = await make(claimed, settings, memoryMB);
  } catch (error) {
    // If this fails as well, the lease expires. The first error is reported.
    await Promise.allSettled([commit(claimed, { is: "interrupted" }, settings)]);
    throw error;
  }
  const { written, record } = await commit(claimed, outcome, settings);
  if (written) {
    await cleanUp(record);
    const checked = outcome.is === "ready" ? outcome.checked : undefined;
    return { acknowledge: true, imageID, did: outcome.is, exhausted: outcome.exhausted, ...checked };
  }
  return {
    acknowledge: Protocol.rules.mayAcknowledge(await read(imageID), message),
    imageID,
    did: `${outcome.is}, but the lease was lost`,
    exhausted: outcome.exhausted,
  };
}

/** Writes the outcome, if this attempt still holds its lease. */
const commit = (claimed: ImageRecord, outcome: Outcome, settings: Settings.Pipeline) =>
  carryOut({ imageID: claimed.imageID, owner: claimed.owner, record: claimed }, settings, (record, context) =>
    Protocol.rules.onOutcome(record, claimed.attempt, outcome, context),
  );

/** Reads, renders and stores. Callers see none of it before the commit. */
async function make(
  claimed: ImageRecord,
  settings: Settings.Pipeline,
  memoryMB: number,
): Promise<Outcome & { exhausted?: boolean }> {
  const { imageID, key, etag } = claimed;
  if (!etag) throw new Error(`${imageID} was claimed without an ETag.`);
  const original = await Storage.readOriginal(key, etag, settings.bytesMax);
  if (original.is === "gone" || original.is === "changed") return { is: original.is };
  if (original.is === "too_large") {
    const message = `The file has ${original.bytes} bytes; at most ${settings.bytesMax} are accepted.`;
    return { is: "rejected", code: "too_many_bytes", message, bytes: original.bytes };
  }
  const { bytes } = original;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  try {
    const kept = Protocol.rules.keptVariants(claimed);
    const missing = names.filter((name) => !kept[name]);
    const wanted = Object.fromEntries(missing.map((name): [string, Spec] => [name, recipe[name]]));
    const check = Check.isSampled(imageID, settings.qualityCheckOneIn) ? settings.formats : [];
    const wishes = { ...claimed, check };
    const { variants, ...rendered } = await withinBudget(() => render(bytes, settings, wanted, wishes), {
      seconds: settings.decodeSecondsMax,
      memoryMB: memoryMB * memoryShare,
    });
    const { length } = bytes;
    free(bytes);
    const pathOf = (name: string) =>
      `${Protocol.rules.pathOf(claimed, etag, Placement.isOpen(name))}/${name}`;
    const stored = await Promise.all(
      variants.map(async ({ name, files }): Promise<[string, StoredFile[]]> => {
        return [name, await Promise.all(files.map((file) => store(pathOf(name), file)))];
      }),
    );
    for (const { files } of variants) for (const file of files) free(file.bytes);
    // The facts of the same bytes stay: a hash computed from another raster may differ in a bit.
    const isKept = Object.keys(kept).length > 0;
    const result = {
      bytes: length,
      sha256,
      source: (isKept && claimed.source) || rendered.source,
      placeholder: (isKept && claimed.placeholder) || rendered.placeholder,
      variants: { ...kept, ...variantsOf(pathOf, wanted, rendered.source, Object.fromEntries(stored)) },
    };
    return { is: "ready", result, checked: worstOf(variants) };
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    const { code, message } = error;
    const exhausted = error instanceof Exhausted;
    return { is: "rejected", code, message, bytes: bytes.length, sha256, exhausted };
  }
}

/** Returns the file with the least similarity, of those that were checked. */
function worstOf(variants: readonly Variant<string>[]): Checked | undefined {
  const all = variants.flatMap(({ name, files }) =>
    files.flatMap(({ format, quality, similarity }) =>
      similarity === undefined || quality === undefined
        ? []
        : [{ similarity, quality, file: `${name}.${format}` }],
    ),
  );
  return all.sort((a, b) => a.similarity - b.similarity)[0];
}

/** Returns the variants with their stored files and the lazy ones, by name. */
function variantsOf(
  pathOf: (name: string) => string,
  wanted: Readonly<Record<string, Spec>>,
  source: Facts,
  stored: Readonly<Record<string, StoredFile[]>>,
): Record<string, StoredVariant> {
  const variants = plan(source, wanted).map((step): [string, StoredVariant] => {
    const { name, spec, size } = step;
    const files = stored[name] ?? [];
    // An animation has one file, whichever the formats of its variant.
    const formats = spec.animated && source.frames > 1 ? (["webp"] as const) : spec.formats;
    const [shown, ...also] = widelyKnown.flatMap((format): StoredFile[] => {
      const file = files.find((each) => each.format === format);
      if (file) return [file];
      const isMade = formats.some((each) => each === format) && isLazy(spec, format);
      return isMade ? [{ key: `${pathOf(name)}.${extensions[format]}`, format }] : [];
    });
    if (!shown) throw new Error(`The variant ${name} has no file.`);
    const widths = narrower(source, step);
    return [
      name,
      { ...shown, ...size, ...(also.length > 0 && { also }), ...(widths.length > 0 && { widths }) },
    ];
  });
  return Object.fromEntries(variants);
}

async function store(path: string, file: File): Promise<StoredFile> {
  const { format, extension, quality, bytes } = file;
  const key = `${path}.${extension}`;
  await Storage.writeVariant(key, bytes, contentTypeOf(format));
  return { key, format, bytes: bytes.length, ...(quality !== undefined && { quality }) };
}
