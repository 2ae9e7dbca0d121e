/** Rules 13 and 14 of the protocol: quotas and shares of the processor. Pure, like the rules in `protocol.ts`. */
import type { ImageRecord } from "../table/image-entity.ts";
import { isAnnounced } from "./deletion.ts";
import { iso, superseded, withoutContent } from "./draft.ts";
import type { Message } from "./message.ts";
import type { Draft, Entry } from "./record.ts";

const day = 86_400_000;

/**
 * Rule 13: an upload that replaces an earlier one under the key of an announced image, as a presigned form allows until
 * it expires. Returns the name of the event, by which it counts against the owner's quota once; undefined for any other
 * message. Only events count: that of an upload which a check found first comes later, or was lost.
 */
export function replayOf(record: ImageRecord | undefined, message: Message): string | undefined {
  if (message.kind !== "created" || !record || !isAnnounced(record)) return undefined;
  const { imageID, sequencer } = record;
  return sequencer !== undefined && message.sequencer > sequencer
    ? `${imageID} ${message.sequencer}`
    : undefined;
}

const overQuota = {
  code: "quota_exceeded",
  message:
    "The presigned form was used again, and the owner's upload quota for today is used up. Reprocess the image tomorrow (UTC).",
};

/**
 * Rule 13: refuses to process an upload that replaced that of an image in the trash above the quota, once the image is
 * restored: it is `rejected` then. `draft` records the upload.
 */
export const onOverQuotaInTrash = (draft: Draft): Draft => ({
  ...draft,
  trash: draft.trash && { ...draft.trash, status: "rejected" },
  error: overQuota,
});

/**
 * Rule 13: refuses a claim, because the owner's quota is used up. The object is replaced already, so that the record
 * cannot stay `ready`: it would name variants of bytes that are gone. Reprocessing makes variants of the new bytes.
 */
export function onOverQuota(record: ImageRecord, claim: Draft, now: number): { draft: Draft; entry: Entry } {
  const { attempt, etag = "" } = claim;
  return {
    draft: {
      ...withoutContent(claim),
      status: "rejected",
      leaseUntil: undefined,
      dueAt: claim.revoked?.until,
      processedAt: iso(now),
      error: overQuota,
      failures: undefined,
      superseded: superseded(record, now),
    },
    entry: { type: "rejected", by: "processor", detail: { attempt, code: overQuota.code, etag } },
  };
}

/**
 * Rule 14: defers a claim to the next day (UTC), because the owner's share of the processor is used up. The image is due
 * then, so that the reconciler sends it again. Variants of an earlier upload stay readable until they are replaced.
 */
export function onOverShare(claim: Draft, now: number): { draft: Draft; entry: Entry } {
  const until = iso((Math.floor(now / day) + 1) * day);
  const { etag = "" } = claim;
  return {
    draft: { ...claim, status: "pending", leaseUntil: undefined, dueAt: until, deferredUntil: until },
    entry: { type: "deferred", by: "processor", detail: { etag, until } },
  };
}

/** Returns true if an image waits for the next day. */
export const isDeferred = ({ status, deferredUntil }: ImageRecord, now: number) =>
  status === "pending" && deferredUntil !== undefined && Date.parse(deferredUntil) > now;
