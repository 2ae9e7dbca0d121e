/** What a filter means: to the API, and for an image that is told of. */
import type { Query } from "@image-pipeline/client/client";
import type { Filter } from "../route.ts";
import type { Tile } from "./tile.ts";

/** Whether an image belongs into a list. */
export function matches(filter: Filter, { status, tags, createdAt }: Tile): boolean {
  const { createdAfter, createdBefore } = queryOf(filter);
  return (
    (filter.status === undefined || filter.status === status) &&
    (filter.tag === undefined || tags.includes(filter.tag)) &&
    (createdAfter === undefined || createdAt >= createdAfter) &&
    (createdBefore === undefined || createdAt < createdBefore)
  );
}

/** The API's query for a filter: a day begins and ends where the person at the page is. */
export function queryOf({ status, tag, from, to }: Filter): Query {
  return {
    ...(status ? { status } : {}),
    ...(tag ? { tag } : {}),
    ...(from ? { createdAfter: wholeSeconds(startOf(from, 0)) } : {}),
    ...(to ? { createdBefore: wholeSeconds(startOf(to, 1)) } : {}),
  };
}

function startOf(day: string, later: number): number {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).getTime();
}

/** A time as the API writes it. */
export const wholeSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
