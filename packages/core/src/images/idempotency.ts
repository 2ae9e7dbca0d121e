/** Idempotency keys: a request that is sent several times runs once. */
export * as Idempotency from "./idempotency.ts";

import { createHash, randomUUID } from "node:crypto";
import { VisibleError } from "../error.ts";
import { isConditionFailure } from "../records/record.ts";
import { IdempotencyEntity } from "../table/idempotency-entity.ts";

/** A request and its idempotency key. `request` is what must be equal for a replay: method, route and body. */
export type Request = { owner: string; key: string; request: string };

/** Time for which a response is replayed: a day. */
const lifeSeconds = 86_400;

/** Longer than any request runs. After this, a claim whose process crashed may be taken over. */
const leaseSeconds = 60;

/** Maximum number of responses kept in memory because the table did not accept them. */
const unsavedMax = 100;

type Finished = { requestHash: string; claimID: string; answer: Record<string, unknown> };

/** Responses of finished runs that could not be stored, by key. A retry stores and returns them. */
const unsaved = new Map<string, Finished>();

/**
 * Runs a request under its idempotency key, or replays the response of an earlier run. A run that throws
 * releases its claim, so that the request may be sent again. A run that succeeded never does: if its response could
 * not be stored, `once` throws the store's error, keeps the response in memory and returns it to the next retry in
 * this process; other processes answer `request_in_progress` until the lease has expired. A claim whose process
 * crashed is taken over once its lease has expired. Throws `idempotency_key_reused` for another request under the
 * same key, `request_in_progress`.
 */
export async function once<T extends Record<string, unknown>>(
  { owner, key, request }: Request,
  run: () => Promise<T>,
): Promise<T> {
  const id = { owner, keyHash: hash(key) };
  const requestHash = hash(request);
  const finished = unsaved.get(nameOf(id));
  if (finished) return (await saveAgain(id, requestHash, finished)) as T;
  const claimID = await claim(id, requestHash);
  if (claimID === undefined) return (await recorded(id, requestHash)) as T;
  const answer = await run().catch(async (error) => {
    await release(id, claimID);
    throw error;
  });
  try {
    await save(id, claimID, answer);
  } catch (error) {
    // On a condition failure another process has taken the claim over: its response counts.
    if (!isConditionFailure(error)) keep(id, { requestHash, claimID, answer });
    throw error;
  }
  return answer;
}

type Id = { owner: string; keyHash: string };

const nameOf = ({ owner, keyHash }: Id) => `${owner} ${keyHash}`;

/** Stores a response, provided that the claim is still this run's. */
async function save(id: Id, claimID: string, answer: Record<string, unknown>): Promise<void> {
  await IdempotencyEntity.patch(id)
    .set({ answer })
    .where((row, { eq }) => eq(row.claimID, claimID))
    .go();
}

/** Keeps a response that could not be stored. Evicts the oldest one at the limit. */
function keep(id: Id, finished: Finished): void {
  const [oldest] = unsaved.keys();
  if (oldest !== undefined && unsaved.size >= unsavedMax) unsaved.delete(oldest);
  unsaved.set(nameOf(id), finished);
}

/** Stores a kept response and returns it, or the response of the process that took the claim over. */
async function saveAgain(id: Id, requestHash: string, finished: Finished): Promise<Record<string, unknown>> {
  if (finished.requestHash !== requestHash) throw reused();
  try {
    await save(id, finished.claimID, finished.answer);
    unsaved.delete(nameOf(id));
    return finished.answer;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    unsaved.delete(nameOf(id));
    return recorded(id, requestHash);
  }
}
/** Claims the request for this run; undefined if another run has it or its response is stored. */
async function claim(id: Id, requestHash: string): Promise<string | undefined> {
  const now = Date.now();
  const claimID = randomUUID();
  const leaseUntil = iso(now + leaseSeconds * 1000);
  const expiresAt = Math.ceil(now / 1000) + lifeSeconds;
  try {
    await IdempotencyEntity.put({ ...id, requestHash, claimID, leaseUntil, expiresAt })
      .where((row, { notExists, lt, eq }) => {
        // DynamoDB removes expired rows up to days late.
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

/** Reads the stored response. */
async function recorded(id: Id, requestHash: string): Promise<Record<string, unknown>> {
  const { data } = await IdempotencyEntity.get(id).go({ consistent: true });
  if (data && data.requestHash !== requestHash) {
    throw reused();
  }
  if (data?.answer) return data.answer;
  throw new VisibleError(
    "request_in_progress",
    "A request with this idempotency key is still running. Retry with the same key after `Retry-After` seconds.",
    { retryAfterSeconds: 1 },
  );
}

const reused = () =>
  new VisibleError(
    "idempotency_key_reused",
    "This idempotency key was used with another method, route or body. Use a new key for a new request.",
  );

/** Removes the claim of a run that failed. */
async function release(id: Id, claimID: string): Promise<void> {
  try {
    await IdempotencyEntity.remove(id)
      .where((row, { eq }) => eq(row.claimID, claimID))
      .go();
  } catch (error) {
    // Another process has taken the claim over.
    if (!isConditionFailure(error)) throw error;
  }
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const iso = (ms: number) => new Date(ms).toISOString();
