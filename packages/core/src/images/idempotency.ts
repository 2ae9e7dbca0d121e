/** Idempotency keys: a request that is sent several times runs once. */
export * as Idempotency from "./idempotency.ts";

import { createHash, randomUUID } from "node:crypto";
import { VisibleError } from "../error.ts";
import { ID } from "../id.ts";
import { Protocol } from "../records/protocol.ts";
import { isConditionFailure } from "../records/record.ts";
import { IdempotencyEntity } from "../table/idempotency-entity.ts";

/** A request and its idempotency key. `request` is what must be equal for a replay: method, route and body. */
export type Request = { owner: string; key: string; request: string };

/** Time for which a response is replayed: a day. */
const lifeSeconds = 86_400;

/** Longer than any request runs. After this, a claim whose process crashed may be taken over: its work goes on. */
const leaseSeconds = 60;

/** Maximum number of responses kept in memory because the table did not accept them. */
const unsavedMax = 100;

/** `until`: end of the key's life, in milliseconds. */
type Finished = { requestHash: string; claimID: string; answer: Record<string, unknown>; until: number };

/** Responses of finished runs that could not be stored, by key. A retry stores and returns them. */
const unsaved = new Map<string, Finished>();

/**
 * Runs a request under its idempotency key, or replays the response of an earlier run. `run` receives an image id, the
 * same in every run under the key: the claim holds it before the first run begins. A run that finds the work of this id
 * begun continues it, so that a crash, a lost response or a response that could not be stored repeats nothing.
 *
 * A claim whose process crashed or whose run threw is taken over, in the first case once its lease has expired. A first
 * run that throws an error for the caller has begun nothing, and releases the key. If the response could not be stored,
 * `once` throws the store's error, and the next retry in this process stores and returns it. Throws
 * `idempotency_key_reused` for another request under the same key, `request_in_progress`.
 */
export async function once<T extends Record<string, unknown>>(
  { owner, key, request }: Request,
  run: (workID: string) => Promise<T>,
): Promise<T> {
  const id = { owner, keyHash: hash(key) };
  const requestHash = hash(request);
  const finished = unsaved.get(nameOf(id));
  if (finished && finished.until > Date.now()) return (await saveAgain(id, requestHash, finished)) as T;
  unsaved.delete(nameOf(id));
  const until = Date.now() + lifeSeconds * 1000;
  const claimed = await claim(id, requestHash);
  if ("answer" in claimed) return claimed.answer as T;
  const { claimID, workID, isFirst } = claimed;
  const answer = await run(workID).catch(async (error) => {
    // If this fails, the lease expires.
    await Promise.allSettled([
      isFirst && hasBegunNothing(error) ? release(id, claimID) : endLease(id, claimID),
    ]);
    throw error;
  });
  try {
    await save(id, claimID, answer);
  } catch (error) {
    // On a condition failure another process has taken the claim over: its response counts.
    if (!isConditionFailure(error)) keep(id, { requestHash, claimID, answer, until });
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
    const { data } = await IdempotencyEntity.get(id).go({ consistent: true });
    if (!data?.answer) throw inProgress();
    return data.answer;
  }
}

/** A claim of this process, or the stored response of another run. `isFirst`: no run has had this claim before. */
type Claimed = { claimID: string; workID: string; isFirst: boolean } | { answer: Record<string, unknown> };

/** Claims the request for this run. Throws `idempotency_key_reused`, `request_in_progress`. */
async function claim(id: Id, requestHash: string): Promise<Claimed> {
  const now = Date.now();
  const claimID = randomUUID();
  const workID = ID.createImageID();
  const leaseUntil = iso(now + leaseSeconds * 1000);
  const expiresAt = Math.ceil(now / 1000) + lifeSeconds;
  try {
    await IdempotencyEntity.put({ ...id, requestHash, claimID, workID, leaseUntil, expiresAt })
      // DynamoDB removes expired rows up to days late.
      .where(
        (row, { notExists, lt }) =>
          `${notExists(row.claimID)} OR ${lt(row.expiresAt, Math.floor(now / 1000))}`,
      )
      .go();
    return { claimID, workID, isFirst: true };
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    return takeOver(id, requestHash, { claimID, workID, leaseUntil });
  }
}

/** Returns the stored response, or takes a claim over whose lease has ended, with its work. */
async function takeOver(
  id: Id,
  requestHash: string,
  next: { claimID: string; workID: string; leaseUntil: string },
): Promise<Claimed> {
  const { data: before } = await IdempotencyEntity.get(id).go({ consistent: true });
  if (before && before.requestHash !== requestHash) throw reused();
  if (before?.answer) return { answer: before.answer };
  // The claim was written, and its response lost: the SDK's retry failed its own condition.
  if (before?.claimID === next.claimID) return { ...next, isFirst: true };
  if (!before || before.leaseUntil > iso(Date.now())) throw inProgress();
  const claim = { ...next, workID: Protocol.rules.workOf(before) ?? next.workID };
  try {
    await IdempotencyEntity.patch(id)
      .set(claim)
      .where((row, { eq, notExists }) => `${eq(row.claimID, before.claimID)} AND ${notExists(row.answer)}`)
      .go();
    return { ...claim, isFirst: false };
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    const { data: after } = await IdempotencyEntity.get(id).go({ consistent: true });
    if (after?.claimID !== claim.claimID) throw inProgress();
    return { ...claim, isFirst: false };
  }
}

const inProgress = () =>
  new VisibleError(
    "request_in_progress",
    "A request with this idempotency key is still running. Retry with the same key after `Retry-After` seconds.",
    { retryAfterSeconds: 1 },
  );

const reused = () =>
  new VisibleError(
    "idempotency_key_reused",
    "This idempotency key was used with another method, route or body. Use a new key for a new request.",
  );

/** An error for the caller precedes the work, unless the image was created, and deleted before the run ended. */
const hasBegunNothing = (error: unknown) => error instanceof VisibleError && error.code !== "image_not_found";

/** Removes the claim of a run that has begun nothing. */
const release = (id: Id, claimID: string) =>
  IdempotencyEntity.remove(id)
    .where((row, { eq }) => eq(row.claimID, claimID))
    .go();

/** Ends the lease of a run that failed, so that a retry continues its work at once. */
const endLease = (id: Id, claimID: string) =>
  IdempotencyEntity.patch(id)
    .set({ leaseUntil: iso(0) })
    .where((row, { eq }) => eq(row.claimID, claimID))
    .go();

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const iso = (ms: number) => new Date(ms).toISOString();
