/** Rule 18 of the protocol: changes of who may read an image's files. Pure, like the rules in `protocol.ts`. */
export * as Visibility from "./visibility.ts";

import type { ImageRecord } from "../table/image-entity.ts";
import { isDiscarded } from "./deletion.ts";
import { iso, keptOf, resendMs, workerMs } from "./draft.ts";
import { Placement } from "./placement.ts";
import type { Draft } from "./record.ts";
import { VariantFile } from "./variant-file.ts";

/**
 * Rule 18: returns the draft of a change of fields. If it changes the visibility, the image is processed again, which
 * makes its files at their new place; the attempt grows, which fences a worker that writes to the old one. The draft of
 * an image that becomes private names no public file any more: these are removed without the day of grace, and the
 * reconciler looks for more once no fenced worker can be running. Private files of an image that becomes public stay
 * readable by signature until they are superseded.
 */
export function onVisibility(record: ImageRecord, draft: Draft, now: number): Draft {
  if (isPrivate(draft) === isPrivate(record)) return draft;
  const { rest, exposed } = isPrivate(draft) ? withoutPublic(draft) : { rest: draft, exposed: [] };
  const keys = [...new Set([...(record.revoked?.keys ?? []), ...exposed])];
  const isRevoked = isPrivate(draft) || keys.length > 0;
  const changed: Draft = {
    ...rest,
    revoked: isRevoked ? { keys, until: iso(now + workerMs) } : undefined,
  };
  // Its bytes have not come, or it is in the queue already.
  if (record.etag === undefined || record.status === "pending") return changed;
  if (isDiscarded(record)) return { ...changed, dueAt: record.dueAt ?? changed.revoked?.until };
  return {
    ...changed,
    status: "pending",
    attempt: record.attempt + 1,
    leaseUntil: undefined,
    dueAt: iso(now + resendMs),
    error: undefined,
  };
}

const isPrivate = ({ visibility }: Pick<ImageRecord, "visibility">) => visibility === "private";

/** Removes the files that a private image must not have from a draft, its `superseded` ones included. */
function withoutPublic(draft: Draft): { rest: Draft; exposed: string[] } {
  const variants = Placement.shownOf(draft);
  const open = VariantFile.of({ variants }).map(({ key }) => key);
  const all = [
    ...VariantFile.of(draft).map(({ key }) => key),
    ...(draft.superseded ?? []).flatMap(({ keys }) => keys),
  ];
  const exposed = all.filter((key) => !Placement.isPrivate(key) && !open.includes(key));
  const superseded = (draft.superseded ?? []).flatMap(({ keys, at }) => {
    const kept = keys.filter((key) => !exposed.includes(key));
    return kept.length > 0 ? [{ keys: kept, at }] : [];
  });
  return {
    rest: { ...draft, variants, superseded: superseded.length > 0 ? superseded : undefined },
    exposed,
  };
}

/** Returns whether files of an image that became private, or is in the trash, are still to be looked for. */
export const needsRevocation = ({ status, revoked, dueAt }: ImageRecord): boolean =>
  revoked !== undefined && dueAt !== undefined && ["ready", "rejected", "failed", "trashed"].includes(status);

/**
 * Rules 18 and 20: returns the keys to remove of those listed of an image: public ones of a private image that the record
 * does not name, and all of an image in the trash. Only of attempts that ended: a later one knows the visibility.
 */
export function keysToRevoke(record: ImageRecord, listed: readonly string[]): string[] {
  const named = new Set(VariantFile.of(record).map(({ key }) => key));
  if (record.status === "trashed")
    return [
      ...(record.revoked?.keys ?? []),
      ...listed.filter((key) => Placement.attemptOf(key) <= record.attempt),
    ];
  const stray = isPrivate(record)
    ? listed.filter((key) => !named.has(key) && Placement.attemptOf(key) <= record.attempt)
    : [];
  return [...(record.revoked?.keys ?? []), ...stray];
}

/** Rule 18: no public file is left. A failed image stays due for its next automatic retry. */
export function onRevoked(record: ImageRecord): { draft: Draft } {
  const isRetried = record.status === "failed";
  return { draft: { ...keptOf(record), revoked: undefined, dueAt: isRetried ? record.dueAt : undefined } };
}
