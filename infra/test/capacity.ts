/**
 * DynamoDB's on-demand write units: one per KB of the larger of the item before and after, and the same again for each
 * index whose projection changes; two writes if the index key changes.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
 */
import { type Index, indexes, primary } from "../../packages/core/src/table/table-schema.ts";

/** A value in DynamoDB JSON. */
export type Value =
  | { S: string }
  | { N: string }
  | { BOOL: boolean }
  | { NULL: true }
  | { L: Value[] }
  | { M: Item };
export type Item = Record<string, Value>;

/** Returns the units of replacing one item by another, with these indexes; pass undefined for no item. */
export function writeUnits(
  before: Item | undefined,
  after: Item | undefined,
  among: readonly Index[] = Object.values(indexes),
): number {
  const base = Math.max(unitsOf(before), unitsOf(after), 1);
  const copies = among.map((index) => {
    const [old, young] = [copyOf(before, index), copyOf(after, index)];
    if (!old || !young) return unitsOf(old ?? young);
    if (JSON.stringify(old) === JSON.stringify(young)) return 0;
    const sameKey = [index.pk, index.sk].every(
      (key) => JSON.stringify(old[key]) === JSON.stringify(young[key]),
    );
    return sameKey ? Math.max(unitsOf(old), unitsOf(young)) : unitsOf(old) + unitsOf(young);
  });
  return copies.reduce((sum, units) => sum + units, base);
}

/** Adds up the write units of a run's requests, in order. Counter rows have under 1 KB. */
export function meter(among?: readonly Index[]): {
  see(operation: string, body: string): void;
  units(): number;
} {
  const items = new Map<string, Item>();
  let units = 0;
  return {
    see(operation, body) {
      const { Item: put, Key = put } = JSON.parse(body) as { Item?: Item; Key?: Item };
      const key = JSON.stringify([Key?.[primary.pk], Key?.[primary.sk]]);
      if (operation === "UpdateItem") units += 1;
      if (operation !== "PutItem" && operation !== "DeleteItem") return;
      units += writeUnits(items.get(key), put, among);
      if (put) items.set(key, put);
      else items.delete(key);
    },
    units: () => units,
  };
}

/** Returns the projection of an item into an index; undefined if the item lacks a key of the index. */
function copyOf(item: Item | undefined, { pk, sk, projection }: Index) {
  if (!item?.[pk] || !item[sk]) return undefined;
  if (projection === "all") return item;
  const names: string[] = [pk, sk, primary.pk, primary.sk, ...projection];
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)));
}

const unitsOf = (item: Item | undefined) => (item ? Math.ceil(sizeOf(item) / 1024) : 0);

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
export function sizeOf(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + sizeOfValue(value),
    0,
  );
}

function sizeOfValue(value: Value): number {
  if ("S" in value) return Buffer.byteLength(value.S);
  if ("N" in value) return Math.ceil(value.N.length / 2) + 1;
  if ("L" in value) return value.L.reduce((sum, each) => sum + 1 + sizeOfValue(each), 3);
  if ("M" in value) return sizeOf(value.M) + Object.keys(value.M).length + 3;
  return 1;
}
