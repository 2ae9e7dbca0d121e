/**
 * Where a list goes on: a position that only this service can issue, good for one list alone. A database key never
 * crosses the API, and nobody can make up a position in somebody else's list.
 */
export * as Cursor from "./cursor.ts";

import { createHmac, timingSafeEqual } from "node:crypto";
import { Resource } from "sst";
import { VisibleError } from "../error.ts";

/** The first image of the next page, by its place in the order. */
export type Position = { createdAt: string; imageID: string };

/** A cursor is good for a day. */
const lifeMs = 86_400_000;

/** HMAC-SHA256 cut to 128 bits: far beyond guessing, half the length. */
const macBytes = 16;

/** A cursor for the list that `binding` describes (route, owner, filters and order). */
export function issue(binding: unknown, { createdAt, imageID }: Position): string {
  const payload = JSON.stringify([createdAt, imageID, Date.now() + lifeMs]);
  return Buffer.concat([macOf(binding, payload), Buffer.from(payload)]).toString("base64url");
}

/** The position that a cursor stands for. Throws `invalid_cursor` for any that was not issued for this very list. */
export function open(binding: unknown, cursor: string): Position {
  const bytes = Buffer.from(cursor, "base64url");
  const payload = bytes.subarray(macBytes).toString();
  const genuine =
    bytes.length > macBytes &&
    bytes.toString("base64url") === cursor &&
    timingSafeEqual(bytes.subarray(0, macBytes), macOf(binding, payload));
  if (!genuine)
    throw invalid("This cursor was not issued for this list. Use `nextCursor` with the same filters.");
  const [createdAt, imageID, expires] = JSON.parse(payload) as [string, string, number];
  if (expires < Date.now()) throw invalid("This cursor is over a day old. Start again from the first page.");
  return { createdAt, imageID };
}

const macOf = (binding: unknown, payload: string) =>
  createHmac("sha256", Resource.CursorKey.value)
    .update(`${JSON.stringify(binding)}\n${payload}`)
    .digest()
    .subarray(0, macBytes);

const invalid = (message: string) => new VisibleError("invalid_cursor", message);
