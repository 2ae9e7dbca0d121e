/**
 * A world in which the protocol's rules run under a random schedule: events doubled, late, lost and out of order,
 * workers that die or sleep at any step, overwrites and deletions at any moment. For tests.
 */

import { randomFrom } from "../fixture-random.ts";
import type { Transition } from "../table/event-entity.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import type { Check, Message as Signal } from "./message.ts";
import { Protocol } from "./protocol.ts";
import type { Draft, Entry } from "./record.ts";

/** The rules under test; a mutant replaces one. */
export type Rules = Pick<
  typeof Protocol,
  | "onCreated"
  | "onRemoved"
  | "onCheck"
  | "onOutcome"
  | "onDeadLetter"
  | "onDelete"
  | "onReprocess"
  | "mayAcknowledge"
> & {
  /** Where an attempt's variants lie. */
  pathOf(record: ImageRecord): string;
  /** Whether an upload that is found there may be read for the one that was claimed. */
  mayRead(found: string, claimed: string | undefined): boolean;
};

/**
 * How rough the world is: the chance that an event is lost, how many crashes and stalls at most, whether the API
 * deletes and reprocesses, and whether the reconciler runs, meanwhile and at the end.
 */
export type Weather = { seed: number; lost: number; faults: number; api: boolean; reconciler: boolean };

export const rules: Rules = {
  ...Protocol,
  pathOf: ({ imageID, attempt, etag }) => `${imageID}/${attempt}-${etag}`,
  mayRead: (found, claimed) => found === claimed,
};

const leaseSeconds = 10;
const visibility = 60_000;
const receivesMax = 6;
const graceMs = 400_000;

type Message = { signal: Signal; receives: number; visibleAt: number };
type Job = { steps: Generator<void, "acknowledge" | "retry">; message?: Message };

/** Runs one schedule to its end, with the reconciler after it, and says everything that is wrong. */
export function run(weather: Weather, rules: Rules): string[] {
  const random = randomFrom(weather.seed);
  const below = (n: number) => Math.floor(random() * n);
  const wrong = new Set<string>();
  const keys = ["a", "b"].slice(0, 1 + below(2));
  let now = 1_700_000_000_000;
  let sequence = 0;
  const objects = new Map<string, { etag: string; bad: boolean }>();
  const variants = new Map<string, { etag: string; at: number }>();
  const records = new Map<string, ImageRecord>();
  const rows = new Map<string, Transition[]>();
  const truth = new Map<string, Transition[]>();
  let queue: Message[] = [];
  let jobs: Job[] = [];

  const send = (signal: Signal, delay = 30_000) =>
    queue.push({ signal, receives: 0, visibleAt: now + below(delay) });
  const notify = (signal: Signal) => {
    if (random() < weather.lost) return;
    do send(signal, random() < 0.5 ? 2000 : 150_000);
    while (random() < 0.25);
  };
  const next = () => String(++sequence).padStart(8, "0");
  const put = (key: string) => {
    const sequencer = next();
    // Now and then the very same bytes once more.
    const object = random() < 0.25 ? { etag: "same", bad: false } : { etag: sequencer, bad: random() < 0.15 };
    objects.set(key, object);
    notify({ kind: "created", key, sequencer, etag: object.etag });
  };
  const remove = (key: string) => {
    if (objects.delete(key)) notify({ kind: "removed", key, sequencer: next() });
  };
  const contextOf = (key: string) => ({ imageID: key, owner: "default", now, leaseSeconds });

  function* write(
    before: ImageRecord | undefined,
    draft: Draft,
    entry?: Entry,
  ): Generator<void, ImageRecord | undefined> {
    if (before && entry) {
      yield;
      keep(before);
    }
    yield;
    const { imageID } = draft;
    if (records.get(imageID)?.version !== before?.version) return undefined;
    const version = (before?.version ?? 0) + 1;
    const last = entry ? { ...entry, version, at: "" } : before?.last;
    if (!last) throw new Error("no first transition");
    if (entry) truth.set(imageID, [...(truth.get(imageID) ?? []), last]);
    const after = {
      ...draft,
      version,
      last,
      updatedAt: "",
      shard: "0",
      writeID: "",
      dueOrder: "",
      content: "",
    };
    if (before && after.attempt < before.attempt) wrong.add("the attempt went back");
    if (before && (after.sequencer ?? "") < (before.sequencer ?? "")) wrong.add("the sequencer went back");
    records.set(imageID, after);
    if (after.status === "ready") {
      for (const { key } of Object.values(after.variants ?? {})) {
        if (!variants.has(key)) wrong.add("ready with a variant missing");
      }
    }
    return after;
  }
  function keep({ imageID, last }: ImageRecord) {
    const kept = rows.get(imageID) ?? [];
    if (!kept.some(({ version }) => version === last.version)) rows.set(imageID, [...kept, last]);
  }
  function* purge(record: ImageRecord): Generator<void, void> {
    if (!Protocol.needsCleanup(record)) return;
    yield;
    keep(record);
    for (const key of Protocol.keysToCleanUp(record)) {
      yield;
      dropVariant(key);
    }
    yield* write(record, Protocol.onCleanedUp(record).draft);
  }
  function dropVariant(key: string) {
    for (const { status, variants: named } of records.values()) {
      const live = status === "ready" && Object.values(named ?? {}).some((variant) => variant.key === key);
      if (live) wrong.add("a live variant was removed");
    }
    variants.delete(key);
  }

  function* handle(signal: Signal, deadLetter?: Message): Generator<void, "acknowledge" | "retry"> {
    const { key } = signal;
    let etag: string | undefined;
    if (signal.kind === "check" && !deadLetter) {
      yield;
      etag = objects.get(key)?.etag;
    }
    for (;;) {
      yield;
      const record = records.get(key);
      const context = contextOf(key);
      const decision = deadLetter
        ? rules.onDeadLetter(record, signal, { receives: deadLetter.receives, reason: "" }, context)
        : signal.kind === "created"
          ? rules.onCreated(record, signal, context)
          : signal.kind === "removed"
            ? rules.onRemoved(record, signal, context)
            : rules.onCheck(record, signal, etag, context);
      if (decision.do === "acknowledge" || decision.do === "retry") {
        if (record && decision.do === "acknowledge" && !deadLetter) yield* purge(record);
        return decision.do;
      }
      const written = yield* write(record, decision.draft, decision.entry);
      if (!written) continue;
      if (decision.do === "claim") return yield* work(written, signal);
      if (!deadLetter) yield* purge(written);
      return "acknowledge";
    }
  }
  function* work(claimed: ImageRecord, signal: Signal): Generator<void, "acknowledge" | "retry"> {
    const outcome = yield* make(claimed);
    let record: ImageRecord | undefined = claimed;
    for (;;) {
      const decided = rules.onOutcome(record, claimed.attempt, outcome, contextOf(claimed.imageID));
      if (!decided) break;
      const written = yield* write(record, decided.draft, decided.entry);
      if (written) {
        yield* purge(written);
        return outcome.is === "interrupted" ? "retry" : "acknowledge";
      }
      yield;
      record = records.get(claimed.imageID);
    }
    yield;
    return rules.mayAcknowledge(records.get(claimed.imageID), signal) ? "acknowledge" : "retry";
  }
  function* make(claimed: ImageRecord): Generator<void, Protocol.Outcome> {
    yield;
    const object = objects.get(claimed.key);
    if (!object) return { is: "gone" };
    if (!rules.mayRead(object.etag, claimed.etag)) return { is: "changed" };
    if (random() < 0.1) return { is: "interrupted" };
    if (object.bad) return { is: "rejected", code: "corrupt_image", message: "" };
    const made: Record<string, { key: string }> = {};
    for (const name of ["thumbnail", "large"]) {
      yield;
      const key = `${rules.pathOf(claimed)}/${name}`;
      made[name] = { key };
      variants.set(key, { etag: object.etag, at: now });
    }
    return { is: "ready", result: { variants: made } as Protocol.Result };
  }
  function* apiDelete(key: string): Generator<void, "acknowledge"> {
    yield;
    const record = records.get(key);
    if (!record || record.status === "deleted" || record.status === "deleting") return "acknowledge";
    const { draft, entry } = rules.onDelete(record, "api", now);
    const written = yield* write(record, draft, entry);
    if (!written) return "acknowledge";
    yield;
    remove(key);
    yield;
    send({ kind: "check", key, attempt: written.attempt, by: "api" });
    return "acknowledge";
  }
  function* apiReprocess(key: string): Generator<void, "acknowledge"> {
    yield;
    const record = records.get(key);
    if (!record || !Protocol.isSettled(record) || record.status === "deleted") return "acknowledge";
    const { draft, entry } = rules.onReprocess(record, "api", now);
    const written = yield* write(record, draft, entry);
    if (!written) return "acknowledge";
    yield;
    send({ kind: "check", key, attempt: written.attempt, by: "api" });
    return "acknowledge";
  }
  function* reconcile(): Generator<void, "acknowledge"> {
    for (const key of keys) {
      yield;
      const object = objects.get(key);
      yield;
      const record = records.get(key);
      const check: Check = { kind: "check", key, attempt: record?.attempt ?? 0, by: "reconciler" };
      const due = record?.dueAt !== undefined && Date.parse(record.dueAt) < now;
      if (record?.status === "deleting") {
        yield;
        if (due && records.get(key)?.version === record.version) remove(key);
      }
      const busy = record !== undefined && (record.status === "deleting" || Protocol.isLeased(record, now));
      const differs = object ? record?.etag !== object.etag : record && record.status !== "deleted";
      if (due || (differs && !busy)) send(check, 1);
    }
    yield;
    for (const [key, { at }] of [...variants]) {
      yield;
      const record = records.get(key.split("/")[0] ?? "");
      if (now - at > graceMs && !(record && Protocol.keysInUse(record, now).has(key))) {
        if (variants.get(key)?.at === at) dropVariant(key);
      }
    }
    return "acknowledge";
  }

  const start = (message: Message) => {
    message.receives++;
    const dead = message.receives > receivesMax;
    message.visibleAt = now + visibility;
    jobs.push({ message, steps: handle(message.signal, dead ? message : undefined) });
  };
  const step = (job: Job) => {
    const { done, value } = job.steps.next();
    if (!done) return;
    jobs = jobs.filter((other) => other !== job);
    if (job.message && value === "acknowledge") queue = queue.filter((other) => other !== job.message);
  };

  let operations = 2 + below(7);
  let faults = below(weather.faults + 1);
  let guard = 0;
  const pick = <T>(list: readonly T[]) => list[below(list.length)];
  while (operations > 0 || jobs.length > 0 || queue.length > 0) {
    if (++guard > 8000) return [...wrong, "did not come to rest"];
    const dice = random();
    const key = pick(keys) ?? "a";
    const job = pick(jobs);
    if (operations > 0 && dice < 0.06) {
      operations--;
      const what = random();
      if (what < 0.5 || (what >= 0.7 && !weather.api)) put(key);
      else if (what < 0.7) remove(key);
      else jobs.push({ steps: what < 0.85 ? apiDelete(key) : apiReprocess(key) });
    } else if (weather.reconciler && dice < 0.07 && guard < 900) jobs.push({ steps: reconcile() });
    else if (job && dice < 0.7) step(job);
    else if (job && faults > 0 && dice < 0.74) {
      faults--;
      jobs = jobs.filter((other) => other !== job);
    } else if (job && faults > 0 && dice < 0.78) {
      faults--;
      now += random() < 0.5 ? visibility + 1 : leaseSeconds * 1000 + 1;
    } else {
      const message = pick(queue.filter(({ visibleAt }) => visibleAt <= now));
      if (message && jobs.length < 6) start(message);
      else now += 1000 + below(10_000);
    }
  }
  for (let pass = 0; weather.reconciler && pass < 12; pass++) {
    now += 86_400_000;
    jobs.push({ steps: reconcile() });
    for (let steps = 0; (jobs.length > 0 || queue.length > 0) && steps < 4000; steps++) {
      const [job] = jobs;
      const message = queue.find(({ visibleAt }) => visibleAt <= now);
      if (job) step(job);
      else if (message) start(message);
      else now += 5000;
    }
  }
  for (const key of keys) atRest(key);
  return [...wrong];

  function atRest(key: string) {
    const object = objects.get(key);
    const record = records.get(key);
    if (object && !record) wrong.add("an object without a record");
    else if (object && record) {
      if (!Protocol.isSettled(record) || record.status === "deleted")
        wrong.add(`an object is left ${record.status}`);
      else if (record.etag !== object.etag) wrong.add("a record of another upload");
      if (record.status === "rejected" && !object.bad) wrong.add("a good image was rejected");
      if (record.status === "ready" && object.bad) wrong.add("a bad image is ready");
    } else if (record && record.status !== "deleted") wrong.add(`a ghost is left ${record.status}`);
    const used =
      record?.status === "ready" ? Object.values(record.variants ?? {}).map((variant) => variant.key) : [];
    for (const name of used) {
      if (!variants.has(name)) wrong.add("a variant is missing");
      else if (variants.get(name)?.etag !== record?.etag) wrong.add("a variant of another upload");
    }
    // Only the reconciler removes what a fenced worker left behind.
    const strays = weather.reconciler ? [...variants.keys()] : [];
    for (const name of strays) if (name.startsWith(`${key}/`) && !used.includes(name)) wrong.add("an orphan");
    if (record) {
      const trail = [...(rows.get(key) ?? []), record.last].map(({ version, type }) => `${version} ${type}`);
      const real = (truth.get(key) ?? []).map(({ version, type }) => `${version} ${type}`);
      if ([...new Set(trail)].join() !== real.join()) wrong.add("the audit trail is not what happened");
    }
  }
}
