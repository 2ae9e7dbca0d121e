/** Invariants of what is removed: deletion, the trash, expiry, files of private images. */
import { Placement } from "@image-pipeline/core/records/placement";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { now } from "../scheduler.ts";
import { type Invariant, type State, skewMs } from "./invariant.ts";

/** By number. */
export const deletion: Readonly<Record<string, Invariant>> = {
  I17: {
    promise:
      "An image that the API created and deleted stays deleted, whichever bytes come under its key. These are removed.",
    heldBy: ["simulation", "deletion.test.ts"],
    *onChange(change, state) {
      if (change.of !== "record" || !isErased(change.after.imageID, state)) return;
      const { status, key, sequencer = "" } = change.after;
      if (status !== "deleting" && status !== "deleted") yield `a deleted image is ${status} again`;
      const late = state.uploads.get(key);
      if (status === "deleted" && late && late.sequencer <= sequencer)
        yield "an image was taken for deleted while its late bytes were there";
    },
    *atRest({ observer }, { reconciler }) {
      if (!reconciler) return;
      for (const { imageID, key } of observer.records.values())
        if (observer.uploads.has(key) && isErased(imageID, observer)) yield "late bytes are left";
    },
  },
  I20: {
    promise:
      "The bytes of an upload that the API announced and that is too large are removed, and its rejection is not lost with them.",
    heldBy: ["simulation", "deletion.test.ts"],
    *onChange(change) {
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      if (before.discarded && before.status === "rejected" && entry?.type === "deleted")
        yield `a rejection was lost with its bytes, and is ${after.status}`;
    },
    *atRest({ observer: { records, uploads } }, { reconciler }) {
      for (const { status, discarded, key, etag } of records.values())
        if (reconciler && status === "rejected" && discarded && uploads.get(key)?.etag === etag)
          yield "the bytes of a rejected upload are left";
    },
  },
  I22: {
    promise:
      "From the moment that an image is private, no record and no answer names a public file of it. Once the change is settled, none exists.",
    heldBy: ["simulation", "private.test.ts"],
    *onChange(change, { variants }) {
      if (change.of === "answer" && change.exposes) yield "an answer of a private image has a public URL";
      if (change.of !== "record" || !isHidden(change.after)) return;
      const { before, after } = change;
      const named = [...VariantFile.keysOf(after), ...(after.superseded ?? []).flatMap(({ keys }) => keys)];
      if (named.some((key) => !Placement.isPrivate(key))) yield "a private image names a public file";
      if (before?.revoked && !after.revoked && [...variants.keys()].some((key) => isPublicOf(after, key)))
        yield "a public file of a private image is left";
    },
    *atRest({ observer: { records, variants } }, { reconciler }) {
      if (!reconciler) return;
      for (const record of records.values())
        if (isHidden(record) && [...variants.keys()].some((key) => isPublicOf(record, key)))
          yield "a public file of a private image is left at rest";
    },
  },
  I24: {
    promise:
      "An image in the trash has no file. It leaves the trash with all its fields and its original by being restored, or is deleted: by a request, with its original, or when its days are over.",
    heldBy: ["simulation", "trash.test.ts"],
    *onChange(change, { variants }) {
      if (change.of !== "record") return;
      const { before, after, entry } = change;
      if (after.status === "trashed") {
        if (VariantFile.keysOf(after).length > 0 || after.superseded)
          yield "an image in the trash names a file";
        if (before?.revoked && !after.revoked && [...variants.keys()].some((key) => isOf(after, key)))
          yield "a file of an image in the trash is left";
      }
      if (before?.status !== "trashed" || after.status === "trashed") return;
      const { type = "", by = "" } = entry ?? {};
      if (!["restored", "deleting", "deleted"].includes(type))
        yield `an image left the trash as ${after.status}`;
      if (type === "restored" && before.etag !== after.etag)
        yield "an image was restored without its original";
      if (
        type === "deleting" &&
        by === "reconciler" &&
        !entry?.detail?.expired &&
        Date.parse(before.trash?.until ?? "") > now() + skewMs
      )
        yield "an image was deleted from the trash before its time";
      if (type === "deleted" && by !== "storage" && before.etag === undefined)
        yield "an image in the trash was taken for deleted before its bytes came";
    },
    *atRest({ observer: { records, variants } }, { reconciler }) {
      for (const record of records.values()) {
        if (!reconciler || record.status !== "trashed") continue;
        if ([...variants.keys()].some((key) => isOf(record, key)))
          yield "a file of an image in the trash is left at rest";
        if (Date.parse(record.trash?.until ?? "") < now() - skewMs) yield "an image is left in the trash";
      }
    },
  },
  I25: {
    promise:
      "An image with an expiry keeps it until it is changed. From then on no answer shows the image, and the reconciler deletes it, not before.",
    heldBy: ["simulation", "expiry.test.ts"],
    *onChange(change) {
      if (change.of === "answer" && Date.parse(change.expiresAt ?? "") < now() - skewMs)
        yield "an answer shows an expired image";
      if (change.of !== "record" || !change.entry?.detail?.expired) return;
      if (Date.parse(change.before?.deleteAt ?? "") > now() + skewMs)
        yield "an image was deleted before its expiry";
    },
    *atRest({ observer: { records } }, { reconciler }) {
      for (const { deleteAt = "", status } of records.values())
        if (reconciler && Date.parse(deleteAt) < now() - skewMs) yield `an expired image is left ${status}`;
    },
  },
};

/** Returns true if the API created an image and has acknowledged, or begun, its deletion. */
const isErased = (imageID: string, { history, erased }: State) => {
  const transitions = history.get(imageID) ?? [];
  const begun = erased.has(imageID) || transitions.some(({ type }) => type === "deleting");
  return begun && transitions[0]?.type === "announced";
};

const isHidden = ({ visibility, status }: ImageRecord) =>
  visibility === "private" && status !== "deleting" && status !== "deleted";

const isOf = ({ imageID }: ImageRecord, key: string) => Placement.imageIDOf(key) === imageID;

const isPublicOf = (record: ImageRecord, key: string) => isOf(record, key) && !Placement.isPrivate(key);
