/** Requests that are carried out once, however often they are sent. */
export * as Idempotency from "./idempotency.ts";

import { createHash, randomUUID } from "node:crypto";
import { VisibleError } from "../error.ts";
import { isConditionFailure } from "../records/record.ts";
import { IdempotencyEntity } from "../table/idempotency-entity.ts";

/** A request by its sender's key for it. `request` is all that makes it this request: route and body. */
export type Request = { owner: string; key: string; request: string };

/** An answer is known for a day. */
const lifeSeconds = 86_400;

/** Longer than any request runs. After this, one that was never answered may be carried out again. */
const leaseSeconds = 60;

/**
 * The answer to a request: `run`'s where it has none yet, otherwise the very one that it got. A run that throws
 * leaves no trace, so that the request may be sent again; one that crashes is forgotten after a minute. Throws
 * `idempotency_key_reused` for another request under the same key, `request_in_progress`.
 */
export async function once<T extends Record<string, unknown>>(
  { owner, key, request }: Request,
  run: () => Promise<T>,
): Promise<T> {
  const id = { owner, keyHash: hash(key) };
  const requestHash = hash(request);
  const claimID = await claim(id, requestHash);
  if (claimID === undefined) return (await recorded(id, requestHash)) as T;
  try {
    const answer = await run();
    await IdempotencyEntity.patch(id)
      .set({ answer })
      .where((row, { eq }) => eq(row.claimID, claimID))
      .go();
    return answer;
  } catch (error) {
    await release(id, claimID);
    throw error;
  }
}

type Id = { owner: string; keyHash: string };

/** Takes the request for this run; undefined if it is taken or answered. */
async function claim(id: Id, requestHash: string): Promise<string | undefined> {
  const now = Date.now();
  const claimID = randomUUID();
  const leaseUntil = iso(now + leaseSeconds * 1000);
  const expiresAt = Math.ceil(now / 1000) + lifeSeconds;
  try {
    await IdempotencyEntity.put({ ...id, requestHash, claimID, leaseUntil, expiresAt })
      .where((row, { notExists, lt, eq }) => {
        // DynamoDB removes expired rows days late.
        const over = lt(row.expiresAt, Math.floor(now / 1000));
        const crashed = `(${notExists(row.answer)} AND ${lt(row.leaseUntil, iso(now))} AND ${eq(row.requestHash, requestHash)})`;
        return `${notExists(row.claimID)} OR ${over} OR ${crashed}`;
      })
      .go();
    return claimID;
  } catch (error) {
    if (isConditionFailure(error)) return undefined;
    throw error;
  }
}

async function recorded(id: Id, requestHash: string): Promise<Record<string, unknown>> {
  const { data } = await IdempotencyEntity.get(id).go({ consistent: true });
  if (data && data.requestHash !== requestHash) {
    throw new VisibleError("idempotency_key_reused", "Use a new key for a new request.");
  }
  if (data?.answer) return data.answer;
  throw new VisibleError("request_in_progress", "Its answer will be here in a moment.", {
    retryAfterSeconds: 1,
  });
}

async function release(id: Id, claimID: string): Promise<void> {
  try {
    await IdempotencyEntity.remove(id)
      .where((row, { eq }) => eq(row.claimID, claimID))
      .go();
  } catch (error) {
    // Somebody else's by now: theirs to keep.
    if (!isConditionFailure(error)) throw error;
  }
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const iso = (ms: number) => new Date(ms).toISOString();
