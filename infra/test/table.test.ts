import { readdirSync } from "node:fs";
import { Entity } from "electrodb";
import { describe, expect, test } from "vitest";
import { argsOf, resourcesOf } from "./graph.ts";
import { all } from "./graphs.ts";

type Keys = { name: string; hashKey: string; rangeKey: string };

type Indexed = {
  model: { entity: string };
  indexes: Record<string, { index?: string; pk: { field: string }; sk?: { field: string } }>;
  attributes: Record<string, { field?: string; type: string }>;
};

const core = new URL("../../packages/core/src/table/", import.meta.url);

/** The keys that the entities read and write, according to ElectroDB; those of the table have the index "". */
const used: Keys[] = [];
/** The entities whose rows can expire, and the attribute of the time. */
const ending: [entity: string, attribute: string][] = [];
for (const file of readdirSync(core).filter((name) => name.endsWith("-entity.ts"))) {
  for (const entity of Object.values<unknown>(await import(new URL(file, core).href))) {
    if (!(entity instanceof Entity)) continue;
    const { model, indexes, attributes } = entity.schema as Indexed;
    const { expiresAt } = attributes;
    if (expiresAt) ending.push([`${model.entity} ${expiresAt.type}`, expiresAt.field ?? "expiresAt"]);
    for (const { index = "", pk, sk } of Object.values(indexes)) {
      used.push({ name: index, hashKey: pk.field, rangeKey: sk?.field ?? "" });
    }
  }
}

const distinct = (keys: Keys[]) =>
  [...new Set(keys.map(({ name, hashKey, rangeKey }) => `${name}: ${hashKey}, ${rangeKey}`))].sort();

describe.each(all)("%s", (name, graph) => {
  const kept = name === "production" || name === "configured";
  const table = argsOf(graph, /dynamodb\/table:/, "ImagesTable");

  test("the table has the keys and the indexes that the entities use, and no others", () => {
    expect(resourcesOf(graph, /dynamodb\/table:/)).toHaveLength(1);
    const { hashKey, rangeKey, globalSecondaryIndexes, localSecondaryIndexes } = table;
    expect(distinct([{ name: "", hashKey, rangeKey }, ...globalSecondaryIndexes])).toEqual(distinct(used));
    expect(localSecondaryIndexes).toEqual([]);
  });

  test("keys are strings, and no attribute is declared that is not a key", () => {
    const keys = [table, ...table.globalSecondaryIndexes].flatMap((each) => [each.hashKey, each.rangeKey]);
    expect(table.attributes).toEqual(keys.map((each) => ({ name: each, type: "S" })));
  });

  test("lists that answer with images copy them whole; the rest copy no more than they need", () => {
    const projections = table.globalSecondaryIndexes.map((each: Record<string, unknown>) => [
      each.name,
      each.nonKeyAttributes ?? each.projectionType,
    ]);
    const place = ["imageID", "createdAt"];
    expect(Object.fromEntries(projections)).toEqual({
      gsi1: "ALL",
      gsi2: "ALL",
      gsi3: place,
      gsi4: place,
      gsi5: place,
      gsi6: ["imageID", "updatedAt", "status", "version"],
    });
  });

  test("uploads that were created and never sent expire, and what is kept for a time", () => {
    expect(ending.map(([entity]) => entity).sort()).toEqual([
      "delivery number",
      "idempotency number",
      "image number",
      "multipart number",
      "slot number",
      "tally number",
      "usage number",
    ]);
    for (const [, attributeName] of ending) expect(table.ttl).toEqual({ attributeName, enabled: true });
  });

  test("the table is paid by request and can be put back to any second", () => {
    expect(table.billingMode).toBe("PAY_PER_REQUEST");
    expect(table.pointInTimeRecovery).toEqual({ enabled: true });
    expect(table.streamEnabled).toBe(false);
  });

  test(kept ? "the table cannot be deleted" : "the table goes with its stage", () => {
    expect(table.deletionProtectionEnabled).toBe(kept);
    const [resource] = resourcesOf(graph, /dynamodb\/table:/);
    expect(resource?.retainOnDelete).toBe(kept);
  });
});
