/** Conditional reads and writes, by RFC 9110 §13 and S3's table of how conditions combine. */
import { S3Error } from "./error.ts";
import type { Entry } from "./key-index.ts";
import type { S3Request } from "./request.ts";
import type { Check } from "./store.ts";

type Headers = S3Request["headers"];
type Version = Pick<Entry, "etag" | "modified">;

/** Whether a read goes on: true means "not modified". Throws `PreconditionFailed`. */
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

/** The conditions on the source of a copy: the same four, but a source that is not modified is an error. */
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
 * What stands against a write, to be asked when it would happen. `before` is what lay under the key when the request
 * came in: an object that was removed meanwhile makes `If-Match` a conflict, which clients may repeat.
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
  check(before); // Before a long body is taken in for nothing.
  return check;
}

/** The condition on a removal. */
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

/** A date that cannot be read is as if it had not been sent. */
function timeIn(date: string | undefined): number | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : time;
}

const failed = (condition: string) =>
  new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });
