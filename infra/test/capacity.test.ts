import { expect, test } from "vitest";
import { type Item, meter, sizeOf, writeUnits } from "./capacity.ts";

const text = (length: number) => ({ S: "x".repeat(length) });
const key = { pk: text(2), sk: text(2) };
const listed = (place: string): Item => ({ ...key, gsi1pk: text(1), gsi1sk: { S: place } });

test("an item is as large as its names and values", () => {
  expect(
    sizeOf({ ab: text(3), n: { N: "1234" }, m: { M: { a: text(1) } }, l: { L: [{ BOOL: true }] } }),
  ).toBe(22);
});

test.each<[why: string, before: Item | undefined, after: Item | undefined, units: number]>([
  ["a new item", undefined, { ...key, a: text(100) }, 1],
  ["each KB that is begun", undefined, { ...key, a: text(2100) }, 3],
  ["what it was, where that was larger", { ...key, a: text(2100) }, key, 3],
  ["a deletion", { ...key, a: text(2100) }, undefined, 3],
  ["an index that it enters", key, listed("a"), 2],
  ["an index in which it changes", listed("a"), { ...listed("a"), a: text(1) }, 2],
  ["both ends of a move within an index", listed("a"), listed("b"), 3],
  [
    "no index where nothing of it changes",
    { ...key, gsi3pk: text(1), gsi3sk: text(1) },
    { ...key, gsi3pk: text(1), gsi3sk: text(1), a: text(1) },
    1,
  ],
])("a write is charged for %s", (_why, before, after, units) => {
  expect(writeUnits(before, after)).toBe(units);
});

test("a change of other attributes costs nothing in an index that projects only the keys", () => {
  const [all, keys] = [
    { pk: "gsi1pk", sk: "gsi1sk", projection: "all" },
    { pk: "gsi1pk", sk: "gsi1sk", projection: [] },
  ] as const;
  const after = { ...listed("a"), a: text(1) };
  expect([[all], [keys]].map((among) => writeUnits(listed("a"), after, among))).toEqual([2, 1]);
});

test("a run is charged write by write", () => {
  const { see, units } = meter();
  see("PutItem", JSON.stringify({ Item: listed("a") }));
  see("PutItem", JSON.stringify({ Item: listed("b") }));
  see("UpdateItem", JSON.stringify({ Key: key }));
  see("GetItem", JSON.stringify({ Key: key }));
  see("DeleteItem", JSON.stringify({ Key: key }));
  expect(units()).toBe(2 + 3 + 1 + 0 + 2);
});
