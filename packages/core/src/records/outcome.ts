/** Rule 5 of the protocol: the outcome of a worker's run. Pure, like the rules in `protocol.ts`. */
import { fingerprint, type Name } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import type { StoredVariant } from "../table/stored-variant.ts";
import { isAnnounced, tombstone } from "./deletion.ts";
import {
  type Context,
  isLeased,
  iso,
  keptOf,
  resendMs,
  superseded,
  supersededMs,
  withoutContent,
} from "./draft.ts";
import type { Draft, Entry } from "./record.ts";
import { VariantFile } from "./variant-file.ts";

/** The result of the work. `gone`: the object was removed meanwhile; `changed`: another upload replaced it. */
export type Outcome =
  | { is: "ready"; result: Result; checked?: Checked | undefined }
  | { is: "rejected"; code: string; message: string; bytes?: number; sha256?: string }
  | { is: "gone" }
  | { is: "changed" }
  | { is: "interrupted" };

/**
 * The worst file of an image whose predicted qualities were checked, for the audit trail: its MS-SSIM, the encoder's
 * setting, and variant and format, such as `large.avif`.
 */
export type Checked = { similarity: number; quality: number; file: string };

/** The engine's output, as the record holds it. */
export type Result = Pick<ImageRecord, "bytes" | "sha256" | "source" | "placeholder"> & {
  variants: Partial<Record<Name, StoredVariant>>;
};

/**
 * Rule 5: an outcome is committed only while its attempt, the fencing token, holds the lease. Undefined if it does not:
 * its variants become orphans.
 */
export function onOutcome(
  record: ImageRecord | undefined,
  attempt: number,
  outcome: Outcome,
  context: Context,
): { draft: Draft; entry?: Entry } | undefined {
  if (record?.attempt !== attempt || !isLeased(record, context.now)) return undefined;
  // Public files of a private image are removed before the work. The reconciler looks once more for what is left.
  const { revoked } = record;
  const kept = {
    ...keptOf(record),
    leaseUntil: undefined,
    dueAt: revoked?.until,
    revoked: revoked && { ...revoked, keys: [] },
  };
  const processedAt = iso(context.now);
  switch (outcome.is) {
    case "ready":
      return {
        draft: {
          ...kept,
          ...outcome.result,
          status: "ready",
          recipe: fingerprint,
          processedAt,
          error: undefined,
          failures: undefined,
          superseded: superseded(record, context.now, supersededMs, VariantFile.keysOf(outcome.result)),
        },
        entry: { type: "ready", by: "processor", detail: { attempt, ...outcome.checked } },
      };
    case "rejected": {
      const { code, message, bytes, sha256 } = outcome;
      // Rule 15: the API accepted an upload of fewer bytes. What an S3 client put under a key of its choice is kept.
      const discarded = (code === "too_many_bytes" && isAnnounced(record)) || undefined;
      return {
        draft: {
          ...withoutContent(kept),
          status: "rejected",
          bytes,
          sha256,
          recipe: fingerprint,
          processedAt,
          error: { code, message },
          failures: undefined,
          superseded: superseded(record, context.now),
          discarded,
          dueAt: discarded ? processedAt : kept.dueAt,
        },
        entry: {
          type: "rejected",
          by: "processor",
          detail: { attempt, code, ...(discarded && { discarded }) },
        },
      };
    }
    case "gone":
      return { draft: tombstone(record, record.key, context), entry: { type: "deleted", by: "processor" } };
    case "changed":
      // The other upload's event will arrive, or the reconciler will find the difference.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
    case "interrupted":
      // An internal error: releases the lease, so that the next receive need not wait until it expires.
      return { draft: { ...kept, status: "pending", dueAt: iso(context.now + resendMs) } };
  }
}
