/** Invariants of requests: answers, idempotency keys, quotas. */
import type { Transition } from "@image-pipeline/core/table/event-entity";
import type { Invariant } from "./invariant.ts";

/** By number. */
export const requests: Readonly<Record<string, Invariant>> = {
  I10: {
    promise: "A caller learns nothing of another owner's images.",
    heldBy: ["callers.test.ts", "lists.test.ts"],
  },
  I13: {
    promise:
      "What the API or S3 acknowledged survives a kill at the next moment, and processing keeps what clients set.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { history }) {
      // A GET does nothing.
      if (change.of === "answer" && !change.request.startsWith("GET")) {
        const { types, anyVersion } = acknowledged[change.request] ?? { types: [] };
        const said = anyVersion ? undefined : change.version;
        const done = history
          .get(change.id)
          ?.some(({ type, version }) => types.includes(type) && version === (said ?? version));
        if (!done) yield `${change.request} was answered before it was done`;
      }
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      for (const name of ["owner", "key", "imageID"] as const)
        if (before[name] !== after[name]) yield `the ${name} was changed`;
      const isDeletion = [before.status, after.status].includes("deleted") || entry?.type === "deleting";
      if (entry?.type === "updated" || isDeletion) return;
      for (const name of [
        "title",
        "alt",
        "tags",
        "metadata",
        "filename",
        "createdAt",
        "focus",
        "regions",
        "visibility",
        "deleteAt",
      ] as const)
        if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) yield `the ${name} was lost`;
    },
  },
  I18: {
    promise:
      "Requests that repeat an `Idempotency-Key` create one image, and every other request one with what it says.",
    heldBy: ["simulation", "repeats"],
    *onChange(change, { records }) {
      if (change.of === "answer" && change.other) yield "a request was answered with another one's image";
      if (change.of !== "record" || change.entry?.type !== "announced") return;
      const { imageID, filename } = change.after;
      for (const other of records.values())
        if (other.filename === filename && other.imageID !== imageID)
          yield "one idempotency key has created two images";
    },
  },
  I19: {
    promise:
      "An upload that replaces an earlier one by the same presigned form counts against the owner's quota once, before it is processed.",
    heldBy: ["simulation", "replay.test.ts"],
    *onChange(change, { replays }) {
      if (change.of === "record" && replays.claimed > replays.charged)
        yield "a replayed upload was not counted";
    },
    *atRest({ observer: { history, records, puts, replays } }) {
      let again = 0;
      for (const [imageID, [first]] of history) {
        const key = records.get(imageID)?.key ?? `default/${imageID}`;
        if (first?.type === "announced") again += Math.max((puts.get(key) ?? 0) - 1, 0);
      }
      if (replays.charged > again) yield "a replayed upload was counted twice";
    },
  },
};

/**
 * The transition that each request of the API has made when it is answered: one of these, and that of the version in the
 * answer unless a repeated request is answered with a later one.
 */
const acknowledged: Record<string, { types: Transition["type"][]; anyVersion?: boolean }> = {
  "POST /images": { types: ["announced"], anyVersion: true },
  "PATCH /images/:id": { types: ["updated"] },
  "POST /images/:id/reprocess": { types: ["reprocessed"] },
  // An image whose original an S3 client removed is deleted already.
  "DELETE /images/:id": { types: ["deleting", "deleted"] },
  "TRASH /images/:id": { types: ["trashed", "deleting", "deleted"] },
  // One that is not in the trash any more stays as it is.
  "POST /images/:id/restore": { types: ["restored", "deleting", "deleted"], anyVersion: true },
};
