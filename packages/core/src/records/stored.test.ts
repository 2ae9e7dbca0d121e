import { describe, expect, test } from "vitest";
import { full, record } from "../table/fixture-record.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Stored } from "./stored.ts";
import { Used } from "./used.ts";

const file = { key: "k.webp", format: "webp", bytes: 9 };
const ready: ImageRecord = {
  ...record,
  etag: "e",
  sha256: "s",
  bytes: 100,
  variants: { small: { ...file, width: 1, height: 1, also: [file, { key: "l.avif", format: "avif" }] } },
};

describe("what is stored of an image", () => {
  test("is its original and the variants that processing made, lazy ones left out", () => {
    expect(Stored.of(ready)).toEqual({ images: 1, originalBytes: 100, variantBytes: 18 });
  });

  test.each<[string, ImageRecord, number[]]>([
    ["nothing before its bytes are read", { ...record, status: "pending", etag: "e" }, [0, 0, 0]],
    ["the original alone in the trash", { ...ready, status: "trashed", variants: undefined }, [1, 100, 0]],
    ["nothing of a deletion", { ...ready, status: "deleting" }, [0, 0, 0]],
    ["nothing of a discarded original", { ...ready, status: "rejected", discarded: true }, [0, 0, 0]],
    [
      "the declared bytes of a failed one",
      { ...record, status: "failed", declared: { bytes: 7 } },
      [1, 7, 0],
    ],
  ])("is %s", (_, image, [images, originalBytes, variantBytes]) => {
    expect(Stored.of(image)).toMatchObject({ images, originalBytes, variantBytes });
  });

  test("changes by the difference that a write makes", () => {
    expect(Stored.change(ready, { ...ready, status: "deleting" })).toEqual({
      images: -1,
      originalBytes: -100,
      variantBytes: -18,
      movedImages: 1,
      movedBytes: 118,
    });
    expect(Stored.change(full, full)).toEqual(Stored.none);
  });
});

describe("a scan corrects the totals", () => {
  const totals = (images: number, bytes: number, movedImages = 0, movedBytes = 0): Stored.Counted => ({
    images,
    originalBytes: bytes,
    variantBytes: bytes,
    movedImages,
    movedBytes,
  });
  const scanned = (...images: [ImageRecord, boolean][]): Stored.Scanned => {
    const sums = { all: { ...totals(0, 0) }, recent: { ...totals(0, 0) } };
    for (const [image, isRecent] of images) Stored.saw(sums, image, isRecent);
    return sums;
  };

  test("to the sum of the records, where nothing has changed meanwhile", () => {
    const wrong = totals(5, 40);
    expect(Stored.correction(scanned([ready, false]), wrong, wrong)).toEqual({
      images: -4,
      originalBytes: 60,
      variantBytes: -22,
    });
  });

  test("by no more than what changes during the scan cannot explain", () => {
    const corrected = Stored.correction(scanned([ready, false]), totals(5, 40), totals(5, 40, 1, 10));
    expect(corrected).toEqual({ images: -3, originalBytes: 50, variantBytes: -12 });
  });

  test("not by an image that was just written, whose count may only follow", () => {
    const none = totals(0, 0);
    expect(Stored.correction(scanned([ready, true]), none, none)).toEqual({
      images: 0,
      originalBytes: 0,
      variantBytes: 0,
    });
  });
});

describe("a write adds to the usage of default", () => {
  const { version, last } = record;
  const later: ImageRecord = { ...ready, version: version + 1, attempt: ready.attempt + 1 };
  const entry = (type: "updated" | "restored") => ({ ...last, type, version: version + 1 });
  const none = { uploads: 0, bytes: 0, changes: 0, reprocesses: 0, runs: 0 };

  test.each<[string, ImageRecord | undefined, ImageRecord, Partial<Used.Used>]>([
    ["an upload when it is created", undefined, { ...record, status: "pending" }, { uploads: 1 }],
    [
      "an upload under a deleted image's key",
      { ...ready, status: "deleted" },
      { ...record, status: "pending" },
      { uploads: 1 },
    ],
    [
      "an upload that replaces another one, and a run",
      ready,
      { ...later, etag: "f", status: "processing" },
      { uploads: 1, runs: 1 },
    ],
    [
      "no upload for bytes that come after a deletion",
      { ...ready, status: "deleted" },
      { ...later, status: "deleting" },
      {},
    ],
    ["bytes once they are read", { ...record, status: "processing" }, ready, { bytes: 100 }],
    ["no bytes for the same content", { ...ready, status: "processing" }, ready, {}],
    ["a run", { ...ready, status: "pending" }, { ...later, status: "processing" }, { runs: 1 }],
    ["a reprocess", ready, { ...later, status: "pending" }, { reprocesses: 1 }],
    ["a change", ready, { ...later, attempt: ready.attempt, last: entry("updated") }, { changes: 1 }],
    [
      "a restore, which is both",
      { ...ready, status: "trashed" },
      { ...later, status: "pending", last: entry("restored") },
      { changes: 1, reprocesses: 1 },
    ],
    ["nothing when only the record's bookkeeping changes", ready, { ...later, attempt: ready.attempt }, {}],
  ])("%s", (_, before, after, used) => {
    expect(Used.of(before, after)).toEqual({ ...none, ...used });
  });
});
