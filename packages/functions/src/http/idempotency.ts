/** The `Idempotency-Key` header: a request that is sent again with the same key continues, and does not run again. */
import { ID } from "@image-pipeline/core/id";
import { Idempotency } from "@image-pipeline/core/images/idempotency";
import { Image } from "@image-pipeline/core/images/image";
import type { Upload } from "@image-pipeline/core/images/upload";
import type { Context } from "hono";
import type { Guarded } from "./auth.ts";
import { InvalidRequest } from "./problem.ts";

const header = "Idempotency-Key";

/**
 * Runs a request, or replays the response that its key got before. `input` is the validated body. `run`
 * receives the id of its work, the same for every repetition; undefined without the header. Throws
 * `invalid_request` for a malformed key, `idempotency_key_reused`, `request_in_progress`.
 */
export async function once<T extends Record<string, unknown>>(
  c: Context<Guarded>,
  input: unknown,
  run: (workID?: string) => Promise<T>,
): Promise<T> {
  const key = c.req.header(header);
  if (key === undefined) return run();
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new InvalidRequest([
      { parameter: header, detail: "Must be 1 to 255 printable ASCII characters without spaces." },
    ]);
  }
  const { owner = ID.ownerDefault, by } = c.var.caller;
  const request = JSON.stringify([c.req.method, c.req.path, input]);
  // Keys are the caller's: two callers of one owner may use the same.
  return Idempotency.once({ owner, key: `${by} ${key}`, request }, run);
}

/**
 * Returns an image as it is now, if a response names its files. A replay is up to a day old: its signed URLs have
 * expired, and its public ones may be of an image that is private by now.
 */
export async function current(image: Upload.Created): Promise<Upload.Created> {
  if (!image.variants) return image;
  const { id, owner } = image;
  return { ...image, ...(await Image.fromID({ id, owner })) };
}
