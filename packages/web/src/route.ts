/** Routes in the URL's hash, so that one static file serves them all, and the filters of the gallery. */
import type { Image, Query, SourceFormat, Status } from "@image-pipeline/client";

/** Formats of originals. */
export const formats = [
  "jpeg",
  "png",
  "webp",
  "avif",
  "heic",
  "gif",
  "tiff",
] as const satisfies SourceFormat[];

/** Orders of the gallery besides newest first: by creation, or by the time of capture. */
export const sorts = ["oldest", "taken", "taken-oldest"] as const;

/**
 * Filter and order of the gallery. An image has all of `tags`, and all words of `q`. `from` and `to` are days
 * (`2026-11-23`) in local time, both inclusive: of capture in the orders `taken` and `taken-oldest`, which the API
 * combines with no other filter, else of creation.
 */
export type Filter = {
  status?: Status;
  tags?: readonly string[];
  q?: string;
  format?: SourceFormat;
  from?: string;
  to?: string;
  sort?: (typeof sorts)[number];
};

/** A page with its filter; `imageID` is the image shown over the gallery. */
export type Route = { page: "gallery" | "operations" | "unknown"; imageID?: string; filter: Filter };

const statuses = [
  "pending",
  "processing",
  "ready",
  "rejected",
  "failed",
  "trashed",
] as const satisfies Status[];

/** Parses a hash. Ignores the parts that are not valid. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const filter = compatible({
    status: oneOf(statuses, query.get("status")),
    tags: query.getAll("tag").filter(Boolean),
    q: query.get("q") ?? undefined,
    format: oneOf(formats, query.get("format")),
    from: dayOf(query.get("from")),
    to: dayOf(query.get("to")),
    sort: oneOf(sorts, query.get("sort")),
  });
  const [, imageID] = /^images\/(img_\w+)$/.exec(path) ?? [];
  const page = path === "operations" ? path : path === "" || imageID ? "gallery" : "unknown";
  return { page, ...(imageID ? { imageID } : {}), filter };
}

const oneOf = <T extends string>(choices: readonly T[], given: string | null): T | undefined =>
  choices.find((choice) => choice === given);

const dayOf = (day: string | null) =>
  day && /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? day : undefined;

/** Returns a filter without its empty parts, and without those that the API does not combine with its order. */
export function compatible({ sort, from, to, status, tags, q, format }: Filter): Filter {
  const isTimeline = sort === "taken" || sort === "taken-oldest";
  return {
    ...(isTimeline
      ? {}
      : {
          ...(status ? { status } : {}),
          ...(tags?.length ? { tags } : {}),
          ...(q?.trim() ? { q } : {}),
          ...(format ? { format } : {}),
        }),
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
    ...(sort ? { sort } : {}),
  };
}

/** Returns the hash of a route: the inverse of `parse`. */
export function format({ page, imageID, filter }: Route): string {
  const { tags = [], ...others } = filter;
  const search = new URLSearchParams([
    ...tags.map((tag) => ["tag", tag]),
    ...Object.entries(others).map(([name, value]) => [name, String(value)]),
  ]).toString();
  const path = page === "operations" ? "operations" : imageID ? `images/${imageID}` : "";
  return `#/${path}${search ? `?${search}` : ""}`;
}

/** Returns false if an image does not match a filter, as far as a page can tell: the API alone compares words. */
export function matches(
  filter: Filter,
  image: Pick<Image, "status" | "createdAt"> & { format?: string; tags: readonly string[] },
): boolean {
  const { createdAfter, createdBefore } = queryOf(filter);
  return (
    (filter.status === undefined ? image.status !== "trashed" : filter.status === image.status) &&
    (filter.tags ?? []).every((tag) => image.tags.includes(tag)) &&
    (filter.format === undefined || filter.format === image.format) &&
    (createdAfter === undefined || image.createdAt >= createdAfter) &&
    (createdBefore === undefined || image.createdAt < createdBefore)
  );
}

/** Converts a filter to a query of the API. Days begin and end in the browser's time zone. */
export function queryOf({ status, tags, q, format, from, to, sort }: Filter): Query {
  const isTimeline = sort === "taken" || sort === "taken-oldest";
  return {
    ...(status ? { status } : {}),
    ...(tags ? { tag: tags } : {}),
    ...(q ? { q: sought(q) } : {}),
    ...(format ? { format } : {}),
    ...(from ? { [isTimeline ? "takenAfter" : "createdAfter"]: startOf(from, 0, isTimeline) } : {}),
    ...(to ? { [isTimeline ? "takenBefore" : "createdBefore"]: startOf(to, 1, isTimeline) } : {}),
    ...(isTimeline ? { orderBy: "takenAt" } : {}),
    ...(sort === "oldest" || sort === "taken-oldest" ? { order: "asc" } : {}),
  };
}

/** Makes the last word of a search a prefix, because it may not be finished. A blank after it ends it. */
const sought = (q: string) => (/[\p{L}\p{N}]{2}$/u.test(q) ? `${q}*` : q.trim());

/** Returns the start of a day. A time of capture has no time zone: the API compares it as if it were UTC. */
function startOf(day: string, later: number, isUTC: boolean): string {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const parts = [year, month - 1, date + later] as const;
  return wholeSeconds(isUTC ? Date.UTC(...parts) : new Date(...parts).getTime());
}

/** Formats milliseconds since the epoch as the API's timestamps: RFC 3339, UTC, whole seconds. */
export const wholeSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
