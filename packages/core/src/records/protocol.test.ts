import { describe, expect, test } from "vitest";
import { fingerprint } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Deletion } from "./deletion.ts";
import { Protocol } from "./protocol.ts";
import { onReprocess } from "./reprocess.ts";
import { Term } from "./terms.ts";

const record: ImageRecord = {
  imageID: "img_00000000000000000000000000",
  owner: "default",
  status: "ready",
  key: "photo.jpg",
  sequencer: "2",
  etag: "b",
  recipe: fingerprint,
  attempt: 3,
  version: 7,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
  writeID: "w",
  last: { version: 7, type: "ready", at: "2026-01-01T00:00:00.000Z", by: "processor" },
};
const context = {
  imageID: record.imageID,
  owner: "default",
  now: Date.parse("2026-01-01T00:10:00Z"),
  leaseSeconds: 75,
};
const created = (sequencer: string, etag: string) => ({
  kind: "created" as const,
  key: record.key,
  sequencer,
  etag,
});

describe("an event for a known image", () => {
  test("is let go when it is older than the record", () => {
    expect(Protocol.onCreated(record, created("1", "a"), context)).toMatchObject({ do: "acknowledge" });
  });

  test("starts a new attempt when it is newer, and keeps the old variants readable meanwhile", () => {
    const variants = {
      large: { key: "k", format: "webp", width: 1, height: 1, bytes: 1 },
    };
    const decision = Protocol.onCreated({ ...record, variants }, created("3", "c"), context);
    expect(decision).toMatchObject({
      do: "claim",
      draft: {
        status: "processing",
        attempt: 4,
        sequencer: "3",
        etag: "c",
        leaseUntil: "2026-01-01T00:11:15.000Z",
        variants,
      },
      entry: { type: "uploaded" },
    });
  });

  test("is not decoded again when it brings the same bytes", () => {
    expect(Protocol.onCreated(record, created("3", "b"), context)).toMatchObject({
      do: "write",
      draft: { status: "ready", sequencer: "3", attempt: 3 },
    });
  });

  test("is decoded again when an older recipe made the variants", () => {
    const decision = Protocol.onCreated({ ...record, recipe: "older" }, created("3", "b"), context);
    expect(decision).toMatchObject({ do: "claim" });
  });
});

test("what comes back under a deleted image's key is a new image, in the old one's place in the order", () => {
  const said = { title: "Old", tags: ["cat"], metadata: { shown: "yes" }, filename: "old.jpg", failures: 2 };
  const variants = {
    large: { key: "k", format: "webp", width: 1, height: 1, bytes: 1 },
  };
  const removed = Protocol.onRemoved(
    { ...record, ...said, variants },
    { kind: "removed", key: record.key, sequencer: "3" },
    context,
  );
  if (removed.do !== "write") throw new Error(removed.do);
  expect(removed.draft).toEqual({
    imageID: record.imageID,
    owner: record.owner,
    key: record.key,
    createdAt: record.createdAt,
    status: "deleted",
    sequencer: "3",
    attempt: 4,
    terms: [Term.ofTag("cat"), Term.ofMetadata("shown", "yes"), "word:old"],
    superseded: [{ keys: ["k"], at: "2026-01-01T00:10:00.000Z" }],
    dueAt: "2026-01-01T00:10:00.000Z",
    expiresAt: Date.parse("2026-01-31T00:10:00Z") / 1000,
  });
  const back = Protocol.onCreated({ ...record, ...removed.draft }, created("4", "d"), {
    ...context,
    now: context.now + 60_000,
  });
  if (back.do !== "claim") throw new Error(back.do);
  expect(back.draft).toMatchObject({ attempt: 5, sequencer: "4", createdAt: "2026-01-01T00:11:00.000Z" });
  expect(back.draft).not.toHaveProperty("title");
  expect(back.draft).not.toHaveProperty("tags");
  expect(back.draft).not.toHaveProperty("terms");
});

/** The draft that a decision writes. Throws if it writes none. */
function draftOf(decision: Protocol.Decision) {
  if (!("draft" in decision)) throw new Error(decision.why);
  return decision.draft;
}

test("a permanent deletion stays due until its object versions are gone, unless a new upload comes first", () => {
  const deleting = draftOf(Deletion.onDelete({ ...record, tags: ["cat"] }, "user", context.now, true));
  const event = { kind: "removed" as const, key: record.key, sequencer: "3" };
  const removed = draftOf(Protocol.onRemoved({ ...record, ...deleting }, event, context));
  const tombstone = { ...record, ...removed };
  expect(Deletion.needsPurge(tombstone)).toBe(false);
  const cleaned = { ...tombstone, ...Deletion.onCleanedUp(tombstone).draft };
  expect(cleaned).toMatchObject({ purge: true, dueAt: removed.dueAt });
  expect(Deletion.needsPurge(cleaned)).toBe(true);
  const purged = { ...cleaned, ...Deletion.onPurged(cleaned).draft };
  expect(purged).toMatchObject({ purge: true, dueAt: undefined });
  expect(Deletion.needsPurge(purged)).toBe(false);
  const back = Protocol.onCreated({ ...record, ...deleting }, created("4", "d"), context);
  expect(back).toMatchObject({ do: "claim", draft: { purge: undefined } });
  expect(draftOf(Deletion.onDelete(record, "user", context.now)).purge).toBeUndefined();
});

describe("an upload that a check found before its event came is recorded once", () => {
  const closed = { ...record, status: "deleted" as const, closed: true };
  const trash = { at: record.createdAt, until: "2026-02-01T00:00:00.000Z", status: "ready" as const };
  const uploads = (entry?: { type: string }) => (entry?.type === "uploaded" ? 1 : 0);

  test.each([
    ["a new image", undefined],
    ["a ready image", record],
    ["a closed key", closed],
    ["an image in the trash", { ...record, status: "trashed" as const, trash }],
  ])("%s", (_, before) => {
    const check = {
      kind: "check" as const,
      key: record.key,
      attempt: before?.attempt ?? 0,
      by: "reconciler",
    };
    const found = Protocol.onCheck(before, check, "d", context);
    if (found.do !== "claim" && found.do !== "write") throw new Error(found.why);
    const now = context.now + 3_600_000;
    const after = { ...record, ...found.draft };
    const told = Protocol.onCreated(after, created("4", "d"), { ...context, now });
    if (told.do !== "claim" && told.do !== "write") throw new Error(told.why);
    expect([uploads(found.entry), uploads(told.entry)]).toEqual([1, 0]);
    expect(told.draft).toMatchObject({ sequencer: "4", etag: "d", found: undefined });
    // The same bytes again are another upload.
    const again = Protocol.onCreated({ ...after, ...told.draft }, created("5", "d"), {
      ...context,
      now: now + 3_600_000,
    });
    expect(again).toMatchObject({ entry: { type: "uploaded" } });
  });

  test("the event waits for the worker that processes it", () => {
    const check = { kind: "check" as const, key: record.key, attempt: 3, by: "reconciler" };
    const after = { ...record, ...draftOf(Protocol.onCheck(record, check, "d", context)) };
    expect(Protocol.onCreated(after, created("4", "d"), context)).toMatchObject({ do: "retry" });
  });
});

describe("the key of an announced image that was deleted through the API", () => {
  const announced = { ...record, announced: true };
  const deleting = { ...announced, ...draftOf(Deletion.onDelete(announced, "user", context.now)) };
  const removed = { kind: "removed" as const, key: record.key, sequencer: "3" };
  const tombstone = { ...deleting, ...draftOf(Protocol.onRemoved(deleting, removed, context)) };
  const check = { kind: "check" as const, key: record.key, attempt: tombstone.attempt, by: "reconciler" };
  const letter = { receives: 7, reason: "" };

  test.each([
    ["an event", () => Protocol.onCreated(tombstone, created("4", "d"), context)],
    [
      "an event before the original was removed",
      () => Protocol.onCreated(deleting, created("4", "d"), context),
    ],
    ["a check", () => Protocol.onCheck(tombstone, check, "d", context)],
    ["a dead letter", () => Protocol.onDeadLetter(tombstone, created("4", "d"), letter, context)],
  ])("stays closed to late bytes, which %s finds", (_, decide) => {
    const decision = decide();
    expect(decision).toMatchObject({
      do: "write",
      draft: { status: "deleting", dueAt: "2026-01-01T00:10:00.000Z" },
      entry: { type: "uploaded", detail: { etag: "d", late: true } },
    });
    expect(draftOf(decision).attempt).toBeGreaterThan(deleting.attempt);
  });

  test("has a tombstone that does not expire", () => {
    expect(tombstone).toMatchObject({ status: "deleted", closed: true, expiresAt: undefined });
  });

  test("closes too if an S3 client had removed the original before", () => {
    const before = { ...announced, ...draftOf(Protocol.onRemoved(announced, removed, context)) };
    expect(before).toMatchObject({ closed: undefined, expiresAt: expect.any(Number) });
    expect(draftOf(Deletion.onDelete(before, "user", context.now))).toMatchObject({
      status: "deleted",
      closed: true,
      expiresAt: undefined,
    });
  });

  test("needs no second write for a repeated deletion, unless that is the permanent one", () => {
    for (const state of [deleting, tombstone]) {
      expect(Deletion.onDelete(state, "user", context.now).do).toBe("acknowledge");
      expect(draftOf(Deletion.onDelete(state, "user", context.now, true))).toMatchObject({ purge: true });
    }
  });
});

test("the event of a removal that a check found first takes its place in the order and adds no entry", () => {
  const found = Protocol.onCheck(
    record,
    { kind: "check", key: record.key, attempt: 3, by: "reconciler" },
    undefined,
    context,
  );
  if (found.do !== "write") throw new Error(found.do);
  expect(found.entry).toEqual({ type: "deleted", by: "reconciler" });
  const removed = Protocol.onRemoved(
    { ...record, ...found.draft },
    { kind: "removed", key: record.key, sequencer: "3" },
    context,
  );
  expect(removed).toMatchObject({ do: "write", draft: { status: "deleted", sequencer: "3" } });
  expect(removed).not.toHaveProperty("entry");
});

test("a failed image is retried three times, after one, six and seventeen hours", () => {
  const hours = [];
  let failed: ImageRecord | undefined = { ...record, status: "processing", sequencer: "2" };
  for (let n = 0; n < 4; n++) {
    const decision = Protocol.onDeadLetter(
      failed,
      { kind: "check", key: record.key, attempt: failed.attempt, by: "" },
      { receives: 7, reason: "" },
      context,
    );
    if (decision.do !== "write") throw new Error(decision.do);
    failed = { ...failed, ...decision.draft };
    hours.push(failed.dueAt && (Date.parse(failed.dueAt) - context.now) / 3_600_000);
  }
  expect(hours).toEqual([1, 6, 17, undefined]);
});

test("a row is confirmed by the record of its creation time that has the terms", () => {
  const tagged = { ...record, tags: ["cat"] };
  const isSought = (terms: readonly Term.Term[]) => terms.includes(Term.ofTag("cat"));
  expect(Term.confirms(tagged, record, isSought)).toBe(true);
  expect(Term.confirms(record, record, isSought)).toBe(false);
  // The image under this key was deleted and came back: the row is of the one before.
  expect(Term.confirms(tagged, { createdAt: "2025-12-31T00:00:00.000Z" }, isSought)).toBe(false);
});

describe("another focus", () => {
  const focus = { x: 0.2, y: 0.8 };
  const changed = (before: ImageRecord, fields: Partial<ImageRecord>) => {
    const { version, ...draft } = { ...before, ...fields };
    return Protocol.rules.onFocus(before, draft, context.now);
  };

  test("makes a ready image pending, and fences a worker that crops around the old one", () => {
    for (const status of ["ready", "processing"] as const) {
      const before: ImageRecord = { ...record, status, attempt: 3, recipe: "12345678" };
      expect(changed(before, { focus })).toMatchObject({
        status: "pending",
        attempt: 4,
        focus,
        recipe: "12345678",
      });
    }
  });

  test("leaves every other status as it is", () => {
    for (const status of ["pending", "rejected", "failed"] as const)
      expect(changed({ ...record, status }, { focus })).toMatchObject({
        status,
        attempt: record.attempt,
        focus,
      });
  });

  test("that crops alike makes nothing again", () => {
    const regions = [{ x: 0, y: 0, width: 0.5, height: 0.5 }];
    expect(changed({ ...record, focus }, { focus: { ...focus } }).status).toBe("ready");
    expect(changed({ ...record, focus }, { regions }).status).toBe("ready");
    expect(changed({ ...record, regions }, { regions: [] }).status).toBe("pending");
    expect(changed({ ...record, regions: [] }, { regions: undefined }).status).toBe("ready");
    expect(changed(record, { title: "New" }).status).toBe("ready");
  });

  test("keeps the variants that it does not move, of the same bytes and recipe only", () => {
    const variant = (name: string) => ({
      key: name,
      format: "webp",
      bytes: 1,
      width: 1,
      height: 1,
    });
    const variants = { thumbnail: variant("t"), small: variant("s"), large: variant("l") };
    const made: ImageRecord = { ...record, etag: "a", sequencer: "1", recipe: fingerprint, variants };
    expect(Object.keys(Protocol.rules.keptVariants(made))).toEqual(["small", "large"]);
    expect(Protocol.rules.keptVariants({ ...made, recipe: "12345678" })).toEqual({});
    expect(Protocol.rules.keptVariants({ ...made, ...onReprocess(made, "", context.now).draft })).toEqual({});
    const claim = (etag: string) => {
      const decision = Protocol.onCreated(
        { ...made, status: "pending" },
        { kind: "created", key: record.key, sequencer: "2", etag },
        context,
      );
      if (decision.do !== "claim") throw new Error(decision.do);
      return decision.draft;
    };
    expect(Object.keys(Protocol.rules.keptVariants(claim("a")))).toEqual(["small", "large"]);
    expect(Protocol.rules.keptVariants(claim("b"))).toEqual({});
  });

  test("supersedes only the files that it replaces", () => {
    const file = { format: "webp", bytes: 1, width: 1, height: 1 };
    const [old, small, next] = ["old", "small", "next"].map((key) => ({ key, ...file }));
    if (!old || !small || !next) throw new Error("A file is missing.");
    const leaseUntil = new Date(context.now + 1000).toISOString();
    const claimed: ImageRecord = {
      ...record,
      status: "processing",
      leaseUntil,
      variants: { thumbnail: old, small },
    };
    const outcome = { is: "ready", result: { variants: { thumbnail: next, small } } } as const;
    const done = Protocol.rules.onOutcome(claimed, claimed.attempt, outcome, context);
    expect(done?.draft.superseded?.map(({ keys }) => keys)).toEqual([["old"]]);
    expect(done?.entry?.detail).toEqual({ attempt: claimed.attempt });
    const checked = { similarity: 0.9871, quality: 51, file: "large.avif" };
    const seen = Protocol.rules.onOutcome(claimed, claimed.attempt, { ...outcome, checked }, context);
    expect(seen?.entry?.detail).toEqual({ attempt: claimed.attempt, ...checked });
  });
});
