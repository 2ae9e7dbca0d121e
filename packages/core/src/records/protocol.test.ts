import { describe, expect, test } from "vitest";
import { fingerprint } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Protocol } from "./protocol.ts";
import { type Rules, rules, run, type Weather } from "./protocol-world.ts";

const alone = { lost: 0, faults: 6, api: false, reconciler: false };
const crowded = { lost: 0, faults: 6, api: false, reconciler: true };
const everything = { lost: 0.05, faults: 6, api: true, reconciler: true };
const storm = { lost: 0.3, faults: 6, api: true, reconciler: true };

/** The first of `count` schedules in which something goes wrong, and what; undefined where nothing does. */
function firstFault(weather: Omit<Weather, "seed">, rules: Rules, count: number, from = 1) {
  for (let n = from; n < from + count; n++) {
    const seed = n * 7919;
    const wrong = run({ seed, ...weather }, rules);
    if (wrong.length > 0) return { seed, wrong };
  }
}

describe("whatever happens to events and workers", () => {
  test.each([
    ["by events alone, if none is lost", alone],
    ["with deletions, reprocessing and one event in twenty lost", everything],
    ["with three events in ten lost", storm],
  ])("every image ends right and no rule of safety is broken: %s", (_, weather) => {
    expect(firstFault(weather, rules, 4000)).toBeUndefined();
  });
});

const fenceless =
  (rule: Rules["onOutcome"]): Rules["onOutcome"] =>
  (record, _attempt, outcome, context) =>
    rule(record, record?.attempt ?? 0, outcome, context);
const sleepless: Rules["onOutcome"] = (record, attempt, outcome, context) =>
  Protocol.onOutcome(
    record && { ...record, leaseUntil: new Date(context.now + 1000).toISOString() },
    attempt,
    outcome,
    context,
  );

/** Each leaves out one rule. */
const mutants: [string, Partial<Rules>][] = [
  ["acknowledging although the commit was refused", { mayAcknowledge: () => true }],
  [
    "acknowledging although another worker holds the lease",
    {
      onCreated: (...given) => {
        const decision = Protocol.onCreated(...given);
        return decision.do === "retry" ? { do: "acknowledge", why: "" } : decision;
      },
    },
  ],
  [
    "letting a dead letter go although a worker holds the lease",
    {
      onDeadLetter: (...given) => {
        const decision = Protocol.onDeadLetter(...given);
        return decision.do === "retry" ? { do: "acknowledge", why: "" } : decision;
      },
    },
  ],
  ["committing without the fencing token", { onOutcome: fenceless(Protocol.onOutcome) }],
  ["committing after the lease is over", { onOutcome: sleepless }],
  [
    "writing variants where the attempt before wrote them",
    { pathOf: ({ imageID, etag }) => `${imageID}/${etag}` },
  ],
  ["writing every upload's variants to one place", { pathOf: ({ imageID }) => imageID }],
  [
    "not comparing sequencers",
    {
      onCreated: (record, event, context) =>
        Protocol.onCreated(record && { ...record, sequencer: "" }, event, context),
    },
  ],
  [
    "forgetting deletions instead of keeping a tombstone",
    {
      onRemoved: (record, event, context) => {
        const decision = Protocol.onRemoved(record, event, context);
        return decision.do === "write"
          ? { ...decision, draft: { ...decision.draft, sequencer: undefined } }
          : decision;
      },
    },
  ],
  [
    "reviving what a newer event deleted",
    {
      onRemoved: (record, event, context) =>
        Protocol.onRemoved(record && { ...record, sequencer: "" }, event, context),
    },
  ],
  ["reading another upload than was claimed", { mayRead: () => true }],
  [
    "publishing before the variants are written",
    {
      onOutcome: (record, attempt, outcome, context) => {
        const next = Protocol.onOutcome(record, attempt, outcome, context);
        if (outcome.is !== "ready" || !next) return next;
        const variants = {
          large: { key: "nowhere/large", contentType: "", format: "", width: 1, height: 1, bytes: 1 },
        };
        return { ...next, draft: { ...next.draft, variants } };
      },
    },
  ],
];

test.each(mutants)("the world notices %s", (_, mutation) => {
  const mutant = { ...rules, ...mutation };
  const found =
    firstFault(alone, mutant, 2000) ??
    firstFault(everything, mutant, 4000) ??
    // Paths without the attempt do harm once in 15,000 schedules: the search begins just before the first of them.
    firstFault(crowded, mutant, 2000, 14_000);
  expect(found).toBeDefined();
});

const record: ImageRecord = {
  imageID: "img_00000000000000000000000000",
  owner: "default",
  shard: "0",
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
  dueOrder: "-",
  content: "-",
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
      large: { key: "k", contentType: "image/webp", format: "webp", width: 1, height: 1, bytes: 1 },
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

test("what comes back under a deleted image's key is a new picture, in the old one's place in the order", () => {
  const said = { title: "Old", tags: ["cat"], metadata: { shown: "yes" }, filename: "old.jpg", failures: 2 };
  const variants = {
    large: { key: "k", contentType: "image/webp", format: "webp", width: 1, height: 1, bytes: 1 },
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
    tags: ["cat"],
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
});

test("the event of a removal that somebody else found first takes its place in the order and tells of nothing", () => {
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

test("a failed image is tried again by itself three times, further and further apart", () => {
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
