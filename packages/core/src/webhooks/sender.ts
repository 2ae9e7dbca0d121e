/**
 * Sender of webhooks: carries out one message of the deliveries queue. Expects every message twice, late or never. A
 * delivery's `tries` counts its attempts, and a message for another count is ignored.
 */
export * as Sender from "./sender.ts";

import { Queue } from "../aws/queue.ts";
import type { Target } from "../egress/target.ts";
import { ID } from "../id.ts";
import { Outgoing } from "../records/outgoing.ts";
import { lastOf, orderOf, read } from "../records/record.ts";
import { DeliveryEntity, type DeliveryRecord, testType } from "../table/delivery-entity.ts";
import { EventEntity } from "../table/event-entity.ts";
import { Table } from "../table/table.ts";
import { WebhookEntity, type WebhookRecord, WebhookSecretEntity } from "../table/webhook-entity.ts";
import { Attempt } from "./attempt.ts";
import { Outbox } from "./outbox.ts";
import { Payload } from "./payload.ts";
import { Schedule } from "./schedule.ts";
import { everyOwner } from "./subscriptions.ts";

/** The result of a message, for the log. */
export type Report = { deliveryID: string; did: string; status?: number; error?: string };

/** Time in which the attempt that ends a pause must have ended. */
const probeMs = 60_000;

/** Most attempts that a delivery remembers: those of two schedules. */
const rememberedMax = 20;

/** The network and the clock, which tests replace. `after` returns a function that cancels the timer. */
export type Means = Attempt.Means & { after?(ms: number, run: () => void): () => void };

/** Attempts a delivery, if it is due, and writes the result. Throws if the table or the queue fails. */
export async function handle(
  message: Queue.Attempt,
  policy: Target.Policy,
  means: Means = {},
): Promise<Report> {
  const { webhookID, deliveryID, tries } = message;
  const did = (did: string) => ({ deliveryID, did });
  const { data: row } = await DeliveryEntity.get({ webhookID, deliveryID }).go({ consistent: true });
  if (row?.status !== "pending" || row.tries !== tries) return did("ignored: it is done");
  const scope = ID.ownerOfWebhook(webhookID) ?? everyOwner;
  const { data: endpoint } = await WebhookEntity.get({ scope, webhookID }).go({ consistent: true });
  if (!endpoint) {
    await remove(row);
    return did("removed: the endpoint is gone");
  }
  if (!message.committed && row.writeID !== undefined) {
    const written = await isWritten(row);
    if (written === undefined) return did("waits for its write");
    if (!written) {
      await remove(row);
      return did("removed: its write failed");
    }
  }
  const isTest = row.type === testType;
  if (!isTest && !endpoint.enabled) {
    await settle(row, "failed", { at: new Date().toISOString(), ms: 0, error: "disabled" });
    return did("failed: the endpoint is disabled");
  }
  const isPaused = Date.parse(endpoint.pausedUntil ?? "") > Date.now();
  if (endpoint.slow && !message.slow && (isTest || !isPaused)) {
    await Queue.deliverSlowly({ webhookID, deliveryID, tries, committed: true });
    return did("moved to the queue of slow receivers");
  }
  if (!isTest && (isPaused || !(await isProbe(endpoint)))) {
    await postpone(row, endpoint);
    return did("postponed: the endpoint is paused");
  }
  return attempt(row, endpoint, policy, means);
}

async function attempt(
  row: DeliveryRecord,
  endpoint: WebhookRecord,
  policy: Target.Policy,
  { after = timer, ...means }: Means,
): Promise<Report> {
  const { webhookID, deliveryID } = row;
  const started = Date.now();
  const secrets = await secretsOf(webhookID, started);
  const { url } = endpoint;
  const id = Outgoing.rules.messageIDOf(row);
  const marks: Promise<void>[] = [];
  const cancel = after(Schedule.slowMs, () => void marks.push(markSlow(endpoint)));
  const result = await Attempt.send({ id, url, body: Payload.of(row), secrets }, policy, means);
  cancel();
  await Promise.all(marks);
  const isInTime = marks.length === 0;
  const { ok, status, error, retryAfterMs } = result;
  const made = { at: new Date(started).toISOString(), ms: Date.now() - started, status, error };
  const report = { deliveryID, status, error };
  if (ok) {
    if (endpoint.failures || (endpoint.slow && isInTime)) await recover(endpoint, isInTime);
    await settle(row, "delivered", made);
    return { ...report, did: "delivered" };
  }
  if (row.type === testType) {
    await settle(row, "failed", made);
    return { ...report, did: "failed: the test is over" };
  }
  const isDisabled = await blame(endpoint, status === 410, retryAfterMs);
  const delay = Schedule.delayAfter(row.tries + 1, retryAfterMs);
  if (isDisabled || delay === undefined) {
    await settle(row, "failed", made);
    return { ...report, did: isDisabled ? "failed: the endpoint is disabled" : "failed for the last time" };
  }
  await again(row, made, delay);
  return { ...report, did: "failed, will be retried" };
}

/**
 * Looks up whether the write that a delivery waits for has succeeded; undefined while it may still be running. The audit
 * trail or the record's newest transition names the write.
 */
async function isWritten({ snapshot, writeID, createdAt }: DeliveryRecord): Promise<boolean | undefined> {
  if (!snapshot) return true;
  const { imageID, version } = snapshot;
  const record = await read(imageID);
  const newest = record && lastOf(record);
  const { data: filed } =
    newest?.version === version
      ? { data: null }
      : await EventEntity.get({ imageID, order: orderOf(version) }).go({ consistent: true });
  const awaited = { version, writeID, createdAt };
  return Outgoing.rules.isWritten(awaited, record, newest, filed ?? undefined, Date.now());
}

/** Returns whether a delivery may be attempted after a pause, if there was one: the first is its probe, and others wait for it. */
async function isProbe({ scope, webhookID, pausedUntil }: WebhookRecord): Promise<boolean> {
  if (pausedUntil === undefined) return true;
  try {
    await WebhookEntity.patch({ scope, webhookID })
      .set({ pausedUntil: new Date(Date.now() + probeMs).toISOString() })
      .where((row, { eq }) => eq(row.pausedUntil, pausedUntil))
      .go();
    return true;
  } catch (error) {
    if (Table.isConditionFailure(error)) return false;
    throw error;
  }
}

/**
 * Counts a failed attempt, and pauses or disables the endpoint if there were too many. Returns true if it is disabled. An
 * attempt that began before the endpoint got another URL, was enabled or was paused counts for nothing, so that attempts
 * that fail together make one pause.
 */
async function blame(endpoint: WebhookRecord, isGone: boolean, retryAfterMs = 0): Promise<boolean> {
  const { scope, webhookID, url, failures = 0, failingSince } = endpoint;
  const now = Date.now();
  const isFailing = failingSince !== undefined && now - Date.parse(failingSince) >= Schedule.disabledAfterMs;
  const isDisabled = isGone || isFailing;
  const wasPaused = failures >= Schedule.failuresMax;
  const pauseMs = Math.max(Schedule.pauseAfter(failures + 1), Math.min(retryAfterMs, Schedule.pauseMax));
  const at = new Date(now).toISOString();
  const change = WebhookEntity.patch({ scope, webhookID })
    .add({ failures: 1 })
    .set({
      failingSince: failingSince ?? at,
      ...(isDisabled && {
        enabled: false,
        disabledReason: isGone ? "gone" : "failing",
        disabledAt: at,
        updatedAt: at,
      }),
      ...(!isDisabled && pauseMs > 0 && { pausedUntil: new Date(now + pauseMs).toISOString() }),
    })
    .where((row, { eq, lt, notExists }) => {
      const conditions = [eq(row.url, url)];
      if (isFailing) conditions.push(eq(row.failingSince, failingSince));
      if (wasPaused) conditions.push(eq(row.failures, failures));
      else if (!isGone)
        conditions.push(`(${notExists(row.failures)} OR ${lt(row.failures, Schedule.failuresMax)})`);
      return conditions.join(" AND ");
    });
  try {
    const { data } = await change.go({ response: "all_new" });
    const isFull = !wasPaused && data.failures === Schedule.failuresMax;
    if (!isDisabled && isFull && data.pausedUntil === undefined) await pause(data);
    return isDisabled;
  } catch (error) {
    if (!Table.isConditionFailure(error)) throw error;
    return false;
  }
}

/** Begins the first pause of an endpoint. */
const pause = ({ scope, webhookID, url }: WebhookRecord) =>
  WebhookEntity.patch({ scope, webhookID })
    .set({ pausedUntil: new Date(Date.now() + Schedule.pauseAfter(Schedule.failuresMax)).toISOString() })
    .where((row, { eq }) => `${eq(row.url, url)} AND ${eq(row.failures, Schedule.failuresMax)}`)
    .go();

const timer = (ms: number, run: () => void) => {
  const set = setTimeout(run, ms);
  return () => clearTimeout(set);
};

/** Sends further deliveries to the queue of slow receivers. Never throws: if the mark is lost, the next attempt sets it. */
async function markSlow({ scope, webhookID, slow }: WebhookRecord): Promise<void> {
  if (slow) return;
  const change = WebhookEntity.patch({ scope, webhookID }).set({ slow: true });
  await Promise.allSettled([change.where((row, { notExists }) => notExists(row.slow)).go()]);
}

/** Ends an endpoint's failures after a success, and its time in the queue of slow receivers if it answered in time. */
async function recover({ scope, webhookID }: WebhookRecord, isInTime: boolean): Promise<void> {
  const failures = ["failures", "failingSince", "pausedUntil"] as const;
  try {
    await WebhookEntity.patch({ scope, webhookID })
      .remove(isInTime ? [...failures, "slow"] : [...failures])
      .go();
  } catch (error) {
    if (!Table.isConditionFailure(error)) throw error;
  }
}

const remembered = (row: DeliveryRecord, made: DeliveryAttempt) =>
  [...(row.attempts ?? []), made].slice(-rememberedMax);

type DeliveryAttempt = NonNullable<DeliveryRecord["attempts"]>[number];

/** Writes the end of a delivery. */
const settle = (row: DeliveryRecord, status: "delivered" | "failed", made: DeliveryAttempt) =>
  replace(row, { status, tries: row.tries + 1, attempts: remembered(row, made), dueAt: undefined });

/**
 * Writes a failed attempt and when the next is due. SQS delays it up to 15 minutes; the reconciler sends it after a longer
 * time, and also if that message is lost.
 */
async function again(row: DeliveryRecord, made: DeliveryAttempt, delayMs: number): Promise<void> {
  const { webhookID, deliveryID } = row;
  const tries = row.tries + 1;
  const seconds = Math.round(delayMs / 1000);
  const isDelayed = seconds <= Queue.delayMax;
  const dueAt = new Date(Date.now() + delayMs + (isDelayed ? Outbox.resendMs : 0)).toISOString();
  const isFirst = await replace(row, { tries, attempts: remembered(row, made), dueAt });
  if (isFirst && isDelayed) await Queue.deliver([{ webhookID, deliveryID, tries }], seconds);
}

/** Makes a delivery due after the endpoint's pause, at random within a minute. */
const postpone = (row: DeliveryRecord, { pausedUntil }: WebhookRecord) => {
  const end = Math.max(Date.parse(pausedUntil ?? "") || 0, Date.now() + probeMs);
  return replace(row, { dueAt: new Date(end + Math.random() * probeMs).toISOString() });
};

/**
 * Replaces a delivery, whose write is known to have succeeded. Returns false if another sender has attempted it
 * meanwhile.
 */
async function replace(row: DeliveryRecord, change: Partial<DeliveryRecord>): Promise<boolean> {
  try {
    await DeliveryEntity.put({ ...row, ...change, writeID: undefined })
      .where(({ tries }, { eq }) => eq(tries, row.tries))
      .go();
    return true;
  } catch (error) {
    if (Table.isConditionFailure(error)) return false;
    throw error;
  }
}

const remove = ({ webhookID, deliveryID }: DeliveryRecord) =>
  DeliveryEntity.delete({ webhookID, deliveryID }).go();

/** Returns the secrets that sign now: the current one, and for a day those before a rotation. */
async function secretsOf(signer: string, now: number): Promise<string[]> {
  const { data } = await WebhookSecretEntity.get({ signer }).go({ consistent: true });
  if (!data) throw new Error(`The webhook ${signer} has no secret.`);
  const { secret, previous = [] } = data;
  return [secret, ...previous.filter(({ until }) => Date.parse(until) > now).map((each) => each.secret)];
}
