/**
 * Rules 8 and 16 of the protocol: variants that are made again, by request or for another focus, and those that are kept.
 * Pure, like the rules in `protocol.ts`.
 */
import { Crop } from "../engine/crop.ts";
import { fingerprint, followsFocus, type Name, recipe, type Spec } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { iso, keptOf, resendMs } from "./draft.ts";
import type { Result } from "./outcome.ts";
import { Placement } from "./placement.ts";
import type { Draft, Entry } from "./record.ts";

/**
 * Rule 8: sends the image through the queue again. Its variants stay readable until they are replaced. The entry holds
 * the id of the `request`, if it has one.
 */
export function onReprocess(
  record: ImageRecord,
  by: string,
  now: number,
  request?: string,
): { draft: Draft; entry: Entry } {
  return {
    draft: {
      ...keptOf(record),
      status: "pending",
      attempt: record.attempt + 1,
      recipe: undefined,
      leaseUntil: undefined,
      dueAt: iso(now + resendMs),
    },
    entry: { type: "reprocessed", by, ...(request && { detail: { request } }) },
  };
}

/**
 * Rule 16: the draft of a change of fields. If it moves the focus of a `ready` image, or of one that a worker crops
 * around the old one, the image is processed again: the attempt grows, which fences that worker. Any other image gets the
 * new crops when it is processed.
 */
export function onFocus(record: ImageRecord, draft: Draft, now: number): Draft {
  const { status, attempt } = record;
  const isAffected = status === "ready" || status === "processing";
  if (!isAffected || !isCropped || Crop.keyOf(draft) === Crop.keyOf(record)) return draft;
  return {
    ...draft,
    status: "pending",
    attempt: attempt + 1,
    leaseUntil: undefined,
    dueAt: iso(now + resendMs),
  };
}

/**
 * Rules 16 and 18: returns the variants that a claimed image keeps: those that no focus moves and that are where the
 * visibility asks for, if they were made from the same bytes by the current recipe. A claim of other bytes, and
 * reprocessing, clear `recipe`.
 */
export function keptVariants({
  recipe,
  variants = {},
  visibility,
}: Pick<ImageRecord, "recipe" | "variants" | "visibility">): Result["variants"] {
  if (recipe !== fingerprint || !isCropped) return {};
  return Object.fromEntries(
    specs.flatMap(([name, spec]) => {
      const variant = variants[name];
      const isKept = variant && !followsFocus(spec) && Placement.isInPlace(name, variant, { visibility });
      return isKept ? [[name, variant]] : [];
    }),
  );
}

const specs = Object.entries(recipe) as [Name, Spec][];

/** The recipe has a variant that follows the focus. */
const isCropped = specs.some(([, spec]) => followsFocus(spec));
