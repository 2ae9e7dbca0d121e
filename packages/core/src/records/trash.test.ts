import { describe, expect, test } from "vitest";
import { fingerprint } from "../engine/recipe.ts";
import { full, record as ready } from "../table/fixture-record.ts";
import { dueOf, type ImageRecord } from "../table/image-entity.ts";
import type { Outcome } from "./outcome.ts";
import { Protocol } from "./protocol.ts";
import { Visibility } from "./visibility.ts";

const at = Date.parse("2026-11-23T11:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();
const dayMs = 86_400_000;
const context = { imageID: ready.imageID, owner: "default", now: at + 60_000, leaseSeconds: 75 };

const file = (key: string) => ({
  key,
  contentType: "image/webp",
  format: "webp",
  bytes: 9,
  width: 2,
  height: 1,
});

const base: ImageRecord = {
  ...ready,
  key: "default/img_01KAR5ZJ5V0000000000000000",
  announced: true,
  sequencer: "2",
  etag: "b",
  recipe: fingerprint,
  title: "Boat",
  tags: ["sea"],
};
const { etag, sequencer, recipe, ...unsent } = { ...base, attempt: 0 };
const due = "2026-11-23T11:20:00.000Z";
const error = { code: "corrupt_image", message: "" };
const from = { url: "https://images.example/a.jpg" };

/** An image in each status that callers see, and in those that differ in what has come. */
const images: Record<string, ImageRecord> = {
  "pending without bytes": { ...unsent, status: "pending", dueAt: due, expiresAt: 4_102_444_800 },
  "pending, deferred": { ...base, status: "pending", dueAt: due, deferredUntil: due },
  "pending import": { ...unsent, status: "pending", from, dueAt: due },
  processing: { ...base, status: "processing", leaseUntil: due, dueAt: due },
  ready: {
    ...base,
    variants: { large: file("img_01KAR5ZJ5V0000000000000000/1-b/large.webp") },
    superseded: [{ keys: ["img_01KAR5ZJ5V0000000000000000/0-a/large.webp"], at: iso(at - 1) }],
  },
  rejected: { ...base, status: "rejected", error },
  "rejected, to be discarded": { ...base, status: "rejected", error, discarded: true, dueAt: due },
  failed: { ...base, status: "failed", error, failures: 1, dueAt: due },
  "failed import": { ...unsent, status: "failed", from, error },
};

/** Every attribute without a value, which a draft does not have to name. */
const nothing = Object.fromEntries(Object.keys(full).map((name) => [name, undefined]));

function after(record: ImageRecord, decision: { do: string; draft?: object }): ImageRecord {
  if (!decision.draft) throw new Error(`The decision was ${decision.do}.`);
  const { version, updatedAt, last, writeID } = record;
  return { ...nothing, version: version + 1, updatedAt, last, writeID, ...decision.draft } as ImageRecord;
}
const trashedOf = (record: ImageRecord) => after(record, Protocol.rules.onTrash(record, "user", at, 7));
const of = (name: string): ImageRecord => images[name] ?? ready;
const names = Object.keys(images);

describe.each(names)("%s", (name) => {
  const image = of(name);
  const trashed = trashedOf(image);

  test("goes into the trash with its fields, and no file", () => {
    expect(trashed).toMatchObject({
      status: "trashed",
      attempt: image.attempt + 1,
      title: "Boat",
      tags: ["sea"],
      key: image.key,
      etag: image.etag,
    });
    expect(trashed).toMatchObject({ variants: undefined, superseded: undefined, expiresAt: undefined });
    expect(trashed.trash).toMatchObject({ at: iso(at), until: iso(at + 7 * dayMs) });
  });

  test("is put into the trash once", () => {
    expect(Protocol.rules.onTrash(trashed, "user", at + 1, 7)).toMatchObject({ do: "acknowledge" });
  });

  test("is deleted when its days are over, and not before", () => {
    const { revoked, ...rest } = trashed;
    const clean = { ...rest, dueAt: undefined };
    expect(dueOf(clean)).toBe(iso(at + 7 * dayMs));
    expect(Protocol.rules.onOver(trashed, "reconciler", at + 7 * dayMs - 1)).toBeUndefined();
    const end = Protocol.rules.onOver(trashed, "reconciler", at + 7 * dayMs);
    expect(end).toMatchObject({ entry: { type: "deleting", detail: { trashed: true } } });
    const deleted = after(trashed, end ?? { do: "nothing" });
    expect(deleted).toMatchObject({ status: "deleting", closed: true, trash: undefined });
    expect(dueOf(deleted)).toBe(iso(at + 7 * dayMs + 60_000));
  });

  test("is not processed in the trash, whichever the message", () => {
    const { key, attempt } = trashed;
    const known = trashed.etag ?? "b";
    const check = { kind: "check", key, attempt, by: "api" } as const;
    const created = { kind: "created", key, sequencer: "3", etag: known } as const;
    const other = { ...created, sequencer: "4", etag: "c" };
    const letter = { receives: 7, reason: "" };
    const decisions = [
      Protocol.onCheck(trashed, check, known, context),
      Protocol.onCheck(trashed, check, "c", context),
      Protocol.onCreated(trashed, { ...created, sequencer: trashed.sequencer ?? "2" }, context),
      Protocol.onCreated(trashed, created, context),
      Protocol.onCreated(trashed, other, context),
      Protocol.onDeadLetter(trashed, created, letter, context),
      Protocol.onDeadLetter(trashed, other, letter, context),
      Protocol.onDeadLetter(trashed, check, letter, context),
    ];
    for (const decision of decisions) {
      expect(["write", "acknowledge"]).toContain(decision.do);
      if (decision.do === "write") expect(decision.draft).toMatchObject({ status: "trashed" });
    }
  });

  test("records other bytes that come, which a restored image is made of", () => {
    const event = { kind: "created", key: image.key, sequencer: "4", etag: "c" } as const;
    const received = after(trashed, Protocol.onCreated(trashed, event, context));
    expect(received).toMatchObject({
      etag: "c",
      sequencer: "4",
      attempt: trashed.attempt + 1,
      title: "Boat",
    });
    expect(received).toMatchObject({ error: undefined, discarded: undefined, sha256: undefined });
    const restored = after(received, Protocol.rules.onRestore(received, "user", at));
    expect(restored).toMatchObject({ status: "pending", etag: "c", attempt: received.attempt + 1 });
  });

  test("takes no old event, and no check from before the trash", () => {
    const old = { kind: "created", key: image.key, sequencer: "1", etag: "a" } as const;
    if (trashed.sequencer) expect(Protocol.onCreated(trashed, old, context).do).toBe("acknowledge");
    const check = { kind: "check", key: image.key, attempt: image.attempt, by: "reconciler" } as const;
    expect(Protocol.onCheck(trashed, check, undefined, context).do).toBe("acknowledge");
    const result = { bytes: 1, sha256: "", source: undefined, variants: {} };
    expect(
      Protocol.rules.onOutcome(trashed, image.attempt, { is: "ready", result } as Outcome, context),
    ).toBeUndefined();
  });

  test("is deleted by a removal of its object, unless that was discarded", () => {
    const removed = { kind: "removed", key: image.key, sequencer: "5" } as const;
    const decision = Protocol.onRemoved(trashed, removed, context);
    expect(decision).toMatchObject(
      image.discarded ? { do: "acknowledge" } : { do: "write", draft: { status: "deleted" } },
    );
  });

  test("is restored once, as what it was or to be processed again", () => {
    const restored = after(trashed, Protocol.rules.onRestore(trashed, "user", at));
    const stays = image.etag === undefined || image.status === "rejected";
    expect(restored).toMatchObject({
      status: stays ? image.status : "pending",
      attempt: trashed.attempt + 1,
      trash: undefined,
      title: "Boat",
      dueAt: stays ? (image.dueAt ?? trashed.revoked?.until) : iso(at + 600_000),
      error: stays ? image.error : undefined,
      discarded: image.discarded,
      etag: image.etag,
    });
    expect(Protocol.rules.onRestore(restored, "user", at)).toMatchObject({ do: "acknowledge" });
  });
});

const check = (record: ImageRecord) =>
  ({ kind: "check", key: record.key, attempt: record.attempt, by: "api" }) as const;

test.each(names)(
  "a check that finds no object of a trashed image (%s) deletes only one that had bytes",
  (name) => {
    const trashed = trashedOf(of(name));
    const decision = Protocol.onCheck(trashed, check(trashed), undefined, context);
    const isKept = trashed.etag === undefined || trashed.discarded === true;
    expect(decision.do).toBe(isKept ? "acknowledge" : "write");
    if (!isKept) expect(decision).toMatchObject({ draft: { status: "deleted" } });
  },
);

test("every file of an image in the trash is removed, superseded ones and those of fenced workers too", () => {
  const trashed = trashedOf(of("ready"));
  const keys = [
    "img_01KAR5ZJ5V0000000000000000/1-b/large.webp",
    "img_01KAR5ZJ5V0000000000000000/0-a/large.webp",
  ];
  expect(trashed.revoked).toMatchObject({ keys, until: trashed.dueAt });
  expect(Visibility.needsRevocation(trashed)).toBe(true);
  const strays = [
    "img_01KAR5ZJ5V0000000000000000/2-c/large.webp",
    "private/default/img_01KAR5ZJ5V0000000000000000/1-b/large.webp",
  ];
  const later = "img_01KAR5ZJ5V0000000000000000/3-d/large.webp";
  expect(Visibility.keysToRevoke(trashed, [...strays, later])).toEqual([...keys, ...strays]);
  const clean = { ...trashed, ...Visibility.onRevoked(trashed).draft };
  expect(clean).toMatchObject({ status: "trashed", revoked: undefined, dueAt: undefined });
  expect(dueOf(clean)).toBe(trashed.trash?.until);
});

test("an image that no worker ever had waits for the end of its days alone", () => {
  const trashed = trashedOf(of("pending without bytes"));
  expect(trashed.revoked).toBeUndefined();
  expect(dueOf(trashed)).toBe(trashed.trash?.until);
});

test("an import goes on in the trash, and its failure is what is restored", () => {
  const trashed = trashedOf(of("pending import"));
  const failure = { status: "rejected", code: "import_refused", message: "" } as const;
  const failed = after(trashed, Protocol.rules.onImportFailed(trashed, failure, "importer", context));
  expect(failed).toMatchObject({ status: "trashed", trash: { status: "rejected" } });
  const restored = after(failed, Protocol.rules.onRestore(failed, "user", at));
  expect(restored).toMatchObject({ status: "rejected", error: { code: "import_refused" }, dueAt: undefined });
});

test("a permanent deletion takes an image out of the trash", () => {
  const trashed = trashedOf(of("ready"));
  expect(after(trashed, Protocol.rules.onDelete(trashed, "user", at, true))).toMatchObject({
    status: "deleting",
    purge: true,
    closed: true,
    revoked: trashed.revoked,
  });
});
