/** Routes in the URL's hash, so that one static file serves them all, and the filters of the gallery. */
import type { Image, Query, Status } from "@image-pipeline/client";

/**
 * Filter of the gallery. `status` and `tag` exclude each other, as in the API. `from` and `to` are days (`2026-11-23`) in
 * local time, both inclusive.
 */
export type Filter = { status?: Status; tag?: string; from?: string; to?: string };

/** A page with its filter; `imageID` is the image shown over the gallery. */
export type Route = { page: "gallery" | "operations" | "unknown"; imageID?: string; filter: Filter };

const statuses: readonly string[] = [
  "pending",
  "processing",
  "ready",
  "rejected",
  "failed",
] satisfies Status[];

/** Parses a hash. Ignores the parts that are not valid. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const status = query.get("status") ?? "";
  const tag = query.get("tag") ?? "";
  const filter: Filter = {
    ...(tag ? { tag } : statuses.includes(status) ? { status: status as Status } : {}),
    ...dayOf("from", query.get("from")),
    ...dayOf("to", query.get("to")),
  };
  const [, imageID] = /^images\/(img_\w+)$/.exec(path) ?? [];
  const page = path === "operations" ? path : path === "" || imageID ? "gallery" : "unknown";
  return { page, ...(imageID ? { imageID } : {}), filter };
}

function dayOf(name: "from" | "to", day: string | null): Filter {
  return day && /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? { [name]: day } : {};
}

/** Returns the hash of a route: the inverse of `parse`. */
export function format({ page, imageID, filter }: Route): string {
  const search = new URLSearchParams(filter).toString();
  const path = page === "operations" ? "operations" : imageID ? `images/${imageID}` : "";
  return `#/${path}${search ? `?${search}` : ""}`;
}

/** Returns true if an image matches a filter. */
export function matches(
  filter: Filter,
  { status, tags, createdAt }: Pick<Image, "status" | "createdAt"> & { tags: readonly string[] },
): boolean {
  const { createdAfter, createdBefore } = queryOf(filter);
  return (
    (filter.status === undefined || filter.status === status) &&
    (filter.tag === undefined || tags.includes(filter.tag)) &&
    (createdAfter === undefined || createdAt >= createdAfter) &&
    (createdBefore === undefined || createdAt < createdBefore)
  );
}

/** Converts a filter to a query of the API. Days begin and end in the browser's time zone. */
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

/** Formats milliseconds since the epoch as the API's timestamps: RFC 3339, UTC, whole seconds. */
export const wholeSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
