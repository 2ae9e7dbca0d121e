/**
 * The index of changes as a global secondary index of DynamoDB: each write reaches it after a lag, later writes possibly
 * before earlier ones. dynalite's own indexes have no lag.
 */
import { createHash } from "node:crypto";
import { indexes, primary } from "@image-pipeline/core/table/table-schema";
import { now } from "./scheduler.ts";

/** An item, or some attributes, as JavaScript values. */
type Item = Record<string, unknown>;

/** The fields of a Query that the product sends to this index. Values are as on the wire. */
type Query = {
  IndexName?: string;
  ExpressionAttributeValues?: Record<string, { S?: string }>;
  ExclusiveStartKey?: Record<string, { S?: string }>;
  Limit?: number;
};

type Output = { Items: Item[]; Count: number; LastEvaluatedKey?: Item };

/** Longest lag in milliseconds. */
const lagMsMax = 5_000;

const { pk, sk } = indexes.gsi6;

const placeOf = (item: Item) => String(item[sk] ?? "");

/** Creates the index of an empty world. `wrote` takes each item that was put; `query` answers what asks this index. */
export function createLaggingIndex() {
  const history = new Map<string, { seenAt: number; item: Item }[]>();
  return {
    wrote(item: Item): void {
      const key = JSON.stringify([item[primary.pk], item[primary.sk]]);
      const lagMs = createHash("sha256").update(placeOf(item)).digest().readUInt16LE(0) % lagMsMax;
      history.set(key, [...(history.get(key) ?? []), { seenAt: now() + lagMs, item }]);
    },
    query({
      IndexName,
      ExpressionAttributeValues: values,
      ExclusiveStartKey,
      Limit,
    }: Query): Output | undefined {
      if (IndexName !== "gsi6") return undefined;
      const after = ExclusiveStartKey?.[sk]?.S ?? values?.[":sk1"]?.S ?? "";
      const rows = [...history.values()]
        .flatMap((writes) => writes.filter(({ seenAt }) => seenAt <= now()).slice(-1))
        .map(({ item }) => item)
        .filter((item) => item[pk] === values?.[":pk"]?.S && placeOf(item) > after)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      const Items = rows.slice(0, Limit);
      const last = rows.length > Items.length ? Items.at(-1) : undefined;
      const keys = [primary.pk, primary.sk, pk, sk];
      const LastEvaluatedKey = last && Object.fromEntries(keys.map((name) => [name, last[name]]));
      return { Items, Count: Items.length, ...(LastEvaluatedKey && { LastEvaluatedKey }) };
    },
  };
}
