/** `Idempotency-Key`: a request that may be sent again without being carried out again. */

import { ID } from "@image-pipeline/core/id";
import { Idempotency } from "@image-pipeline/core/images/idempotency";
import type { Context } from "hono";
import { InvalidRequest } from "./problem.ts";
import type { Known } from "./route.ts";

/** The header's name, as it is documented. */
export const header = "Idempotency-Key";

/**
 * Carries a request out, or repeats the answer that it got before under the same key. Throws `invalid_request` for a
 * key that is none, `idempotency_key_reused`, `request_in_progress`.
 */
export async function once<T extends Record<string, unknown>>(
  c: Context<Known>,
  input: unknown,
  run: () => Promise<T>,
): Promise<T> {
  const key = c.req.header(header);
  if (key === undefined) return run();
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new InvalidRequest([
      { parameter: header, detail: "1 to 255 printable characters without spaces." },
    ]);
  }
  const { owner = ID.ownerDefault, by } = c.var.caller;
  const request = JSON.stringify([c.req.method, c.req.path, input]);
  // Two callers for one owner may hit upon the same key.
  return Idempotency.once({ owner, key: `${by} ${key}`, request }, run);
}
