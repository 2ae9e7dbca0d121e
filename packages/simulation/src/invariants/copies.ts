/** The invariant of imported images. */
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import { differences } from "../copies.ts";
import type { Invariant } from "./invariant.ts";

/** By number. */
export const copies: Readonly<Record<string, Invariant>> = {
  I31: {
    promise:
      "An imported image equals its source, record and files, until a client changes it: events of its original change nothing, twice, late or never. From the moment that it has a record its variants exist.",
    heldBy: ["simulation", "moving.test.ts"],
    *onChange(change, { variants }) {
      if (change.of !== "copy") return;
      for (const key of VariantFile.storedKeysOf(change.after))
        if (!variants.has(key)) yield "an imported image names a variant that does not exist";
    },
    *atRest({ observer }) {
      for (const [imageID, copied] of observer.copies) {
        const record = observer.records.get(imageID);
        if (observer.touched.has(record?.key ?? "")) continue;
        if (record) yield* differences(copied, record, observer);
        else yield "an imported image has no record";
      }
    },
  },
};
