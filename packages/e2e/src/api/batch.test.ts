import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;
const tokens = new Map<string, string>();

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({
    ...issuer.settings,
    pendingMax: 0,
    uploadsPerDayMax: 0,
    bytesPerDayMax: 0,
    trashDays: 1,
    changesPerDayMax: 5,
    reprocessesPerDayMax: 5,
  });
  for (const who of ["alice", "bob", "carol", "dave", "erin"]) tokens.set(who, await issuer.token(who));
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

type Result = {
  id: string;
  status: number;
  image?: { title?: string; version: number };
  problem?: { code: string };
};
type Results = { failed: number; results: Result[] };

async function create(who: string): Promise<string> {
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };
  return ((await (await world.ask("/images", { json, as: tokens.get(who) })).json()) as { id: string }).id;
}

const batch = (who: string, operations: object[], headers?: Record<string, string>) =>
  world.ask("/images/batch", { json: { operations }, as: tokens.get(who), headers });

const resultsOf = async (response: Response) => (await response.json()) as Results;
const codes = ({ results }: Results) => results.map(({ status, problem }) => problem?.code ?? status);

describe("a batch", () => {
  test("has a result for each operation in the same order, and counts those that failed", async () => {
    const [first, second, foreign] = [await create("alice"), await create("alice"), await create("bob")];
    const update = { op: "update", id: first, changes: { title: "One" } };
    const answer = await resultsOf(
      await batch("alice", [
        update,
        { op: "delete", id: foreign, permanent: true },
        { ...update, version: 2, changes: { title: "Two" } },
        { ...update, version: 2 },
        { op: "reprocess", id: first },
        { op: "delete", id: second },
        { op: "delete", id: second },
        { op: "update", id: second, changes: { title: "Gone" } },
        { op: "restore", id: second },
        { op: "delete", id: second, permanent: true },
      ]),
    );
    expect(codes(answer)).toEqual([
      ...[200, "image_not_found", 200, "version_conflict", "image_not_ready", 204, 204],
      ...["image_trashed", 200, 204],
    ]);
    expect(answer.failed).toBe(4);
    expect(answer.results.map(({ image }) => image?.title)).toEqual(["One", undefined, "Two", ...Array(7)]);
    const { status } = await world.ask(`/images/${foreign}`, { as: tokens.get("bob") });
    expect(status).toBe(200);
  });

  test("that restores images does not bring back what another one deletes permanently at the same time", async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(() => create("bob")));
    const each = (op: string, fields: object = {}) => ids.map((id) => ({ op, id, ...fields }));
    await batch("bob", each("delete"));
    const [restored, deleted] = await Promise.all([
      batch("bob", each("restore")).then(resultsOf),
      batch("bob", each("delete", { permanent: true })).then(resultsOf),
    ]);
    expect(codes(deleted)).toEqual([204, 204, 204, 204]);
    for (const code of codes(restored)) expect([200, "image_not_found"]).toContain(code);
    for (const id of ids)
      expect(await codeOf(await world.ask(`/images/${id}`, { as: tokens.get("bob") }))).toBe(
        "image_not_found",
      );
  });

  test("counts each operation against the quotas, as if it were sent alone", async () => {
    const id = await create("carol");
    const operations = Array.from({ length: 6 }, () => ({ op: "update", id, changes: { title: "T" } }));
    const answer = await resultsOf(await batch("carol", operations));
    expect(codes(answer)).toEqual([...Array(5).fill(200), "quota_exceeded"]);
    expect(answer.results[5]).toMatchObject({ retryAfter: expect.any(Number) });
    const alone = await world.ask(`/images/${id}`, {
      method: "PATCH",
      json: { title: "T" },
      as: tokens.get("carol"),
    });
    expect(await codeOf(alone)).toBe("quota_exceeded");
    // Another focal point is a reprocess too; the quota of changes is used up before it.
    const reprocesses = Array.from({ length: 6 }, () => ({ op: "reprocess", id }));
    expect(codes(await resultsOf(await batch("carol", reprocesses)))).toEqual([
      ...Array(5).fill("image_not_ready"),
      "quota_exceeded",
    ]);
  });

  test("is carried out once under an idempotency key, and a replay has the images as they are now", async () => {
    const [id, gone] = [await create("dave"), await create("dave")];
    const operations = [
      { op: "update", id, changes: { title: "One" } },
      { op: "update", id: gone, changes: { title: "Gone" } },
      { op: "delete", id, version: 9 },
    ];
    const send = () => batch("dave", operations, { "idempotency-key": "batch" });
    const first = await resultsOf(await send());
    expect(codes(first)).toEqual([200, 200, "version_conflict"]);
    await world.ask(`/images/${id}`, { method: "PATCH", json: { title: "Two" }, as: tokens.get("dave") });
    await world.ask(`/images/${gone}?permanent=true`, { method: "DELETE", as: tokens.get("dave") });
    const again = await resultsOf(await send());
    expect(codes(again)).toEqual([200, 200, "version_conflict"]);
    expect(again.results[0]?.image).toMatchObject({ title: "Two", version: 3 });
    expect(again.results[1]?.image).toBeUndefined();
    expect(again.results[2]).toEqual(first.results[2]);
    expect(await codeOf(await batch("dave", [operations[0] ?? {}], { "idempotency-key": "batch" }))).toBe(
      "idempotency_key_reused",
    );
  });

  test("of a hundred images with full descriptions fits into the table under an idempotency key", async () => {
    const ids = await Promise.all(Array.from({ length: 100 }, () => create("erin")));
    const metadata = Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`name-${n}`, "v".repeat(100)]));
    const operations = ids.map((id) => ({ op: "update", id, changes: { metadata } }));
    const answer = await resultsOf(await batch("erin", operations, { "idempotency-key": "large" }));
    expect(answer.failed).toBe(95);
    expect(answer.results.map(({ id }) => id)).toEqual(ids);
  });

  test("with one invalid operation changes nothing", async () => {
    const id = await create("bob");
    const response = await batch("bob", [
      { op: "delete", id },
      { op: "delete", id: "x" },
    ]);
    expect(await codeOf(response)).toBe("invalid_request");
    expect((await world.ask(`/images/${id}`, { as: tokens.get("bob") })).status).toBe(200);
  });
});
