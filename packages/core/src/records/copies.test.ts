import { describe, expect, test } from "vitest";
import { record as base } from "../table/fixture-record.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Copy } from "./copies.ts";
import { sequencerOf } from "./message.ts";
import { Protocol } from "./protocol.ts";

const now = "2026-11-23T11:00:00.000Z";
const variant = (key: string) => ({ key, format: "webp", bytes: 9, width: 2, height: 1 });
const source: ImageRecord = {
  ...base,
  key: "any/key.jpg",
  etag: "a-2",
  sequencer: "ff",
  recipe: "older",
  leaseUntil: now,
  variants: { small: variant("img_01KAR5ZJ5V0000000000000000/1-a/small.webp") },
};
const copied = (record = source) => Copy.recordOf(record, { etag: "md5", now, writeID: "copy" });

describe("rule 23: the event of a copied original", () => {
  const context = { imageID: base.imageID, owner: "default", now: Date.parse(now), leaseSeconds: 75 };
  const created = (record: ImageRecord, etag: string) =>
    Protocol.rules.onCreated(
      record,
      { kind: "created", key: record.key, etag, sequencer: sequencerOf("0062E9") },
      context,
    );

  test.each(["ready", "rejected", "failed", "trashed"] as const)(
    "changes nothing of a %s image",
    (status) => {
      expect(created(copied({ ...source, status }), "md5")).toMatchObject({ do: "acknowledge" });
    },
  );

  test("claims an image that was being processed, and one whose bytes are others", () => {
    expect(created(copied({ ...source, status: "processing" }), "md5")).toMatchObject({ do: "claim" });
    expect(created(copied(), "other")).toMatchObject({ do: "claim" });
  });
});

describe("a check that finds no original of a copy", () => {
  const check = { kind: "check" as const, key: source.key, attempt: source.attempt, by: "reconciler" };
  const at = (now: number) => {
    const context = { imageID: base.imageID, owner: "default", now, leaseSeconds: 75 };
    return Protocol.rules.onCheck(copied({ ...source, status: "ready" }), check, undefined, context);
  };

  test("waits for a day, and then takes the image for deleted", () => {
    expect(at(Date.parse(now) + 86_399_000)).toMatchObject({ do: "acknowledge" });
    expect(at(Date.parse(now) + 86_401_000)).toMatchObject({ do: "write", draft: { status: "deleted" } });
  });

  test("leaves a tombstone that an import replaces; that of a deleted image it does not", () => {
    const over = at(Date.parse(now) + 86_401_000);
    if (over.do !== "write") throw new Error(over.do);
    const tombstone = { ...source, ...over.draft };
    expect(Copy.isAbandoned(tombstone)).toBe(true);
    expect(Copy.isAbandoned({ ...tombstone, closed: true })).toBe(false);
    expect(Copy.isAbandoned({ ...tombstone, sequencer: sequencerOf("1") })).toBe(false);
  });
});

describe("the record of a copy", () => {
  test("keeps id, version, content and history, and nothing of the source's bucket", () => {
    const { leaseUntil, found, ...kept } = source;
    expect(copied()).toEqual({
      ...kept,
      key: "default/img_01KAR5ZJ5V0000000000000000",
      etag: "md5",
      sequencer: Copy.sequencer,
      updatedAt: now,
      writeID: "copy",
      indexed: expect.any(Number),
    });
    expect(Copy.sequencer < sequencerOf("1")).toBe(true);
  });

  test("that replaces another has a higher version, and the files that only the other had are removed", () => {
    const before = { ...source, version: 7, variants: { small: variant("k/old.webp") } };
    const after = Copy.recordOf(source, { etag: "md5", now, writeID: "copy", before });
    expect(after).toMatchObject({ version: 8, superseded: [{ keys: ["k/old.webp"], at: now }] });
  });

  test("is not made of uploads without bytes, and of no deletion", () => {
    const { etag, ...unsent } = source;
    expect(Copy.isCopied({ ...unsent, status: "pending" })).toBe(false);
    expect(Copy.isCopied({ ...source, status: "deleted" })).toBe(false);
    expect(Copy.isCopied({ ...source, status: "processing" })).toBe(true);
  });
});
