/** Byte ranges, as S3 reads them. */
import { S3Error } from "./error.ts";

/** The bytes from `start` up to and without `end`. */
export type Range = { start: number; end: number };

/**
 * The one range that a `Range` header asks for, within `size` bytes. Undefined stands for all of it: for no header,
 * one that is not understood, or several ranges, which S3 does not serve. Throws `InvalidRange` where nothing is left.
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

/** The range of a part that is copied, which must be given in full and lie within the source. */
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
