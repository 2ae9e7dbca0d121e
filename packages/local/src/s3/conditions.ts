/** Conditional requests (RFC 9110 §13, combined as S3 combines them) and byte ranges (§14). */
import { S3Error } from "./error.ts";
import type { Entry } from "./key-index.ts";
import type { S3Request } from "./request.ts";
import type { Check } from "./store.ts";

type Headers = S3Request["headers"];
type Version = Pick<Entry, "etag" | "modified">;

/** Checks the conditions of a read; true means 304 "not modified". Throws `PreconditionFailed`. */
export function readConditions(headers: Headers, current: Version): boolean {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const since = timeIn(headers["if-modified-since"]);
  const unmodified = timeIn(headers["if-unmodified-since"]);
  if (
    match !== undefined
      ? !names(match, current.etag)
      : unmodified !== undefined && current.modified > unmodified
  )
    throw failed(match !== undefined ? "If-Match" : "If-Unmodified-Since");
  if (noneMatch !== undefined) return names(noneMatch, current.etag);
  return since !== undefined && current.modified <= since;
}

/** Checks the conditions on the source of a copy: the same four, but "not modified" is an error. */
export function copyConditions(headers: Headers, source: Version): void {
  const named = Object.fromEntries(
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"].map((name) => [
      name,
      headers[`x-amz-copy-source-${name}`],
    ]),
  );
  if (readConditions(named, source)) throw failed("x-amz-copy-source-If-None-Match");
}

/**
 * Returns the check that a write must pass at the moment of writing. `before` is the object under the key when the
 * request came in: if it was removed since, `If-Match` is a conflict, which clients may repeat.
 */
export function writeConditions(headers: Headers, before: Entry | undefined): Check {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  if (noneMatch !== undefined && noneMatch.trim() !== "*")
    throw new S3Error("NotImplemented", "On a write, If-None-Match may only be *.");
  const check: Check = (current) => {
    if (noneMatch !== undefined && current) throw failed("If-None-Match");
    if (match === undefined) return;
    if (!current && before)
      throw new S3Error(
        "ConditionalRequestConflict",
        "The object was removed while this request went on. Try again.",
      );
    if (!current) throw new S3Error("NoSuchKey", "The specified key does not exist.");
    if (!names(match, current.etag)) throw failed("If-Match");
  };
  check(before); // Before a long body is received in vain.
  return check;
}

/** Returns the check that a removal must pass. */
export const removeConditions =
  ({ "if-match": match }: Headers): Check =>
  (current) => {
    if (match !== undefined && current && !names(match, current.etag)) throw failed("If-Match");
  };

const names = (list: string, etag: string) =>
  list
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, "").replaceAll('"', ""))
    .some((tag) => tag === "*" || tag === etag);

/** An invalid date counts as absent. */
function timeIn(date: string | undefined): number | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : time;
}

const failed = (condition: string) =>
  new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });

/** The bytes from `start` up to and without `end`. */
export type Range = { start: number; end: number };

/**
 * Returns the range that a `Range` header asks for within `size` bytes. Undefined means the whole object: for no
 * header, an invalid one, or several ranges, which S3 does not serve. Throws `InvalidRange` for an empty range.
 */
export function rangeIn(header: string | undefined, size: number): Range | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || first + last === "") return undefined;
  if (first !== "" && last !== "" && Number(first) > Number(last)) return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  if (start >= end)
    throw new S3Error("InvalidRange", "The requested range is not satisfiable", {
      RangeRequested: header ?? "",
      ActualObjectSize: String(size),
    });
  return { start, end };
}

/** Returns the range of `x-amz-copy-source-range`, which must have both ends and be within the source. */
export function copyRangeIn(header: string | undefined, size: number): Range {
  if (header === undefined) return { start: 0, end: size };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header.trim())?.map(Number) ?? [];
  if (first === undefined || last === undefined || first > last || last >= size)
    throw new S3Error(
      "InvalidArgument",
      `The range must be bytes=first-last within the ${size} bytes of the source.`,
    );
  return { start: first, end: last + 1 };
}
