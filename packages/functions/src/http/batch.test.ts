import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createApp } from "./app.ts";
import { run } from "./batch.ts";
import type { Operation } from "./batch-schema.ts";
import { settings } from "./fixture.ts";

const context = { settings, requestId: "1" };
const idOf = (n: number) => `img_${String(n).padStart(26, "0")}`;
const operations = (...ids: number[]): Operation[] => ids.map((n) => ({ op: "reprocess", id: idOf(n) }));

describe("a batch", () => {
  test("runs operations on one image in their order, and at most eight images side by side", async () => {
    const order = new Map<string, number[]>();
    let running = 0;
    let most = 0;
    const ids = Array.from({ length: 100 }, (_, n) => n % 20);
    const { failed, results } = await run(operations(...ids), context, async ({ id }, index) => {
      most = Math.max(most, ++running);
      await setTimeout(index % 3);
      running--;
      order.set(id, [...(order.get(id) ?? []), index]);
      return 200;
    });
    expect([failed, most]).toEqual([0, 8]);
    expect(results.map(({ id }) => id)).toEqual(ids.map(idOf));
    for (const indexes of order.values()) expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
  });

  test("reports what it had no time to begin, with a code to retry", async () => {
    const { failed, results } = await run(operations(1, 2), context, async () => 200, -1);
    expect(failed).toBe(2);
    for (const result of results)
      expect(result).toMatchObject({ status: 503, retryAfter: 1, problem: { code: "not_attempted" } });
  });

  test("withholds an internal error of one operation, and carries out the others", async () => {
    const { failed, results } = await run(operations(1, 2, 1), context, async (_, index) => {
      if (index === 0) throw new Error("secret");
      return 200;
    });
    expect([failed, ...results.map(({ status }) => status)]).toEqual([1, 500, 200, 200]);
    expect(JSON.stringify(results)).not.toContain("secret");
  });
});

describe("a batch that is invalid is refused as a whole", () => {
  const app = createApp(settings);
  const send = (body: unknown) =>
    app.request("/images/batch", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const one = { op: "delete", id: idOf(1) };

  test.each<[string, unknown, string, string]>([
    ["no operations", { operations: [] }, "invalid_request", "/operations"],
    ["101 operations", { operations: Array(101).fill(one) }, "invalid_request", "/operations"],
    [
      "an unknown operation",
      { operations: [one, { ...one, op: "drop" }] },
      "invalid_request",
      "/operations/1/op",
    ],
    ["an id that is none", { operations: [{ ...one, id: "../1" }] }, "invalid_request", "/operations/0/id"],
    ["no changes", { operations: [{ ...one, op: "update" }] }, "invalid_request", "/operations/0/changes"],
    [
      "changes of another operation",
      { operations: [{ ...one, changes: {} }] },
      "invalid_request",
      "/operations/0/changes",
    ],
    [
      "an unknown change",
      { operations: [{ op: "update", id: idOf(1), changes: { status: "ready" } }] },
      "invalid_request",
      "/operations/0/changes/status",
    ],
    ["a version of 0", { operations: [{ ...one, version: 0 }] }, "invalid_request", "/operations/0/version"],
  ])("%s", async (_, body, code, pointer) => {
    const response = await send(body);
    expect(await response.json()).toMatchObject({ code, errors: [{ pointer }] });
  });

  test("100,000 operations, and a body of as many faults as it may have", async () => {
    expect((await send({ operations: Array(100_000).fill(one) })).status).toBe(413);
    const problem = await (await send({ operations: Array(30_000).fill(0) })).text();
    expect(problem).toContain("invalid_request");
    expect(problem.length).toBeLessThan(1000);
  });
});
