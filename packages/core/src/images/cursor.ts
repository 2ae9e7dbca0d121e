/**
 * Cursors: signed positions in a list, valid for that list only. Callers never see a database key, and cannot forge a
 * position in another owner's list.
 */
export * as Cursor from "./cursor.ts";

import { createHmac, timingSafeEqual } from "node:crypto";
import { Resource } from "sst";
import { VisibleError } from "../error.ts";

/** Life of a cursor: a day. */
const lifeMs = 86_400_000;

/** HMAC-SHA256 truncated to 128 bits: infeasible to guess, at half the length. */
const macBytes = 16;

/**
 * Issues a cursor for the list that `binding` describes (route, owner, filters and order). `position` is the place of
 * the first row of the next page: its sort key, in parts. `expiresAt` is in milliseconds since 1970.
 */
export function issue(
  binding: unknown,
  position: readonly string[],
  expiresAt = Date.now() + lifeMs,
): string {
  const payload = JSON.stringify([...position, expiresAt]);
  return Buffer.concat([macOf(binding, payload), Buffer.from(payload)]).toString("base64url");
}

/** Opens a cursor. Throws `invalid_cursor` if it is forged or of another list, and `expired` if it has expired. */
export function open(binding: unknown, cursor: string, expired = overDay()): string[] {
  const bytes = Buffer.from(cursor, "base64url");
  const payload = bytes.subarray(macBytes).toString();
  const genuine =
    bytes.length > macBytes &&
    bytes.toString("base64url") === cursor &&
    timingSafeEqual(bytes.subarray(0, macBytes), macOf(binding, payload));
  if (!genuine)
    throw invalid("The cursor was not issued for this list. Send `nextCursor` with the same filters.");
  const position = JSON.parse(payload) as string[];
  if (Number(position.pop()) < Date.now()) throw expired;
  return position;
}

const macOf = (binding: unknown, payload: string) =>
  createHmac("sha256", Resource.CursorKey.value)
    .update(`${JSON.stringify(binding)}\n${payload}`)
    .digest()
    .subarray(0, macBytes);

const invalid = (message: string) => new VisibleError("invalid_cursor", message);

const overDay = () => invalid("The cursor is over a day old. Start again at the first page.");
