/** Upload queue: runs the state machine of each upload, in order, with bounded parallelism. */
import type { Description } from "../types.ts";
import type { Source } from "../upload.ts";
import { inputOf } from "../upload.ts";
import { createList, describe, type Item, type Upload } from "./list.ts";
import { holdOf, type Input, remainingMs, step, type Transition } from "./machine.ts";
import { checked, type Entry } from "./store.ts";
import { create, type Parts, type Result, remove, transfer } from "./work.ts";

/** Description of an upload. `sha256` is the hash of the file in hex, if the app knows it. */
export type Details = Description & { filename?: string; contentType?: string; sha256?: string };

/** Runs `work` while it holds the lock of an upload. Returns false at once if another tab or process holds it. */
export type Lock = (id: string, work: () => Promise<void>) => Promise<boolean>;

/** Parts of a queue. `parallel` is the maximum number of requests in flight. */
export type QueueOptions = Parts & { parallel: number; lock: Lock; newID: () => string };

/** Object that `createUploads` returns. */
export type Uploads = ReturnType<typeof createQueue>;

type Job = Item & { timer?: ReturnType<typeof setTimeout>; abort?: AbortController };

/** Pause before the lock of an upload that another tab sends is tried again. */
const busyMs = 5000;

/** Creates a queue and continues the uploads of its store. */
export function createQueue(options: QueueOptions) {
  const { parallel, lock, newID } = options;
  const store = checked(options.store);
  const jobs = new Map<string, Job>();
  const uploads = createList(jobs);
  let running = 0;
  let isPaused = false;
  let isClosed = false;
  const onOnline = () => void all("online").catch(() => undefined);
  globalThis.addEventListener?.("online", onOnline);

  const loaded = load();
  // `ready` rejects with the error; without a caller it must not end the process.
  loaded.catch(() => undefined);

  async function load(): Promise<void> {
    const entries = await store.entries();
    for (const entry of entries.toSorted((a, b) => a.order - b.order)) {
      if (jobs.has(entry.id)) continue;
      const delayMs = entry.hold ? remainingMs(entry.hold) : 0;
      const job: Job = { entry: delayMs > 0 ? entry : restarted(entry), sent: 0 };
      jobs.set(entry.id, job);
      if (delayMs > 0) later(job, delayMs);
    }
    changed();
  }

  function changed(): void {
    uploads.changed();
    pump();
  }

  function pump(): void {
    if (isPaused || isClosed) return;
    for (const job of jobs.values()) {
      if (running >= parallel) return;
      const { state } = job.entry;
      if ((state !== "queued" && state !== "cancelling") || job.abort || job.timer) continue;
      running++;
      job.abort = new AbortController();
      void run(job, job.abort.signal).finally(() => {
        running--;
        job.abort = undefined;
        changed();
      });
    }
  }

  async function run(job: Job, signal: AbortSignal): Promise<void> {
    const { id } = job.entry;
    try {
      const isOurs = await lock(id, async () => {
        // Another tab may have continued this upload since this one read it.
        const known = await store.entry(id);
        if (!known) return drop(job);
        if (job.entry.state !== "cancelling") job.entry = restarted(known);
        else job.entry.imageID ??= known.imageID;
        if (!signal.aborted) await work(job, signal);
      });
      if (!isOurs) later(job, busyMs);
    } catch (error) {
      // The store or the lock failed: nothing was lost, because the machine resumes from what is stored.
      job.entry.error = describe(error);
      job.entry = restarted(job.entry);
      later(job, busyMs);
    }
  }

  async function work(job: Job, signal: AbortSignal): Promise<void> {
    if (job.entry.state === "cancelling") return settle(job, await remove(options, job.entry));
    if (job.entry.state !== "queued") return;
    await apply(job, "start");
    const { found, file, target, ...result } = await create(options, job.entry, signal);
    if (signal.aborted) return keep(job, found);
    if (found) Object.assign(job.entry, found);
    await settle(job, result);
    if (signal.aborted || !isSending(job) || !file || !target) return;
    const onBegun = (uploadID: string) => {
      job.entry.uploadID = uploadID;
      store.save(job.entry).catch(() => undefined);
    };
    const onSent = (bytes: number) => {
      job.sent = bytes;
      changed();
    };
    const sent = await transfer(options, job.entry, { file, target }, { onBegun, onSent, signal });
    if (!signal.aborted) await settle(job, sent);
  }

  /** A cancellation during `create` needs the id of the image, to delete it. */
  async function keep(job: Job, found: Partial<Entry> | undefined): Promise<void> {
    if (!found) return;
    Object.assign(job.entry, found);
    await store.save(job.entry);
  }

  async function settle(job: Job, { input, error }: Result): Promise<void> {
    job.entry.error = error === undefined ? undefined : describe(error);
    await apply(job, input);
  }

  async function apply(job: Job, input: Input): Promise<void> {
    const transition = step(job.entry, input);
    if (!transition) return;
    const { state, attempts, refusals, actions } = transition;
    const hold = holdOf(input, transition, Date.now());
    Object.assign(job.entry, { state, attempts, refusals, hold });
    if (actions.includes("abort")) job.abort?.abort();
    if (actions.includes("renewKey")) {
      const { generation } = job.entry;
      Object.assign(job.entry, { generation: generation + 1, imageID: undefined, key: undefined });
    }
    if (actions.includes("renewKey") || actions.includes("dropTicket")) job.entry.uploadID = undefined;
    if (actions.includes("resetAttempts")) job.entry.error = undefined;
    if (state === "uploaded") job.sent = job.entry.input.bytes;
    clearTimeout(job.timer);
    job.timer = undefined;
    try {
      await persist(job, transition);
    } finally {
      changed();
    }
  }

  async function persist(job: Job, { actions, delayMs }: Transition): Promise<void> {
    const { id } = job.entry;
    // The timer comes first: while it is set, `pump` leaves the upload alone.
    if (delayMs !== undefined) later(job, delayMs);
    if (actions.includes("forget")) {
      await store.remove(id);
      drop(job);
      return;
    }
    await store.save(job.entry);
    if (actions.includes("releaseFile")) await store.removeFile(id);
  }

  function later(job: Job, delayMs: number): void {
    if (isClosed) return;
    clearTimeout(job.timer);
    job.timer = setTimeout(() => {
      job.timer = undefined;
      void apply(job, "due").catch(() => undefined);
      pump();
    }, delayMs);
  }

  function drop(job: Job): void {
    clearTimeout(job.timer);
    jobs.delete(job.entry.id);
    changed();
  }

  async function all(event: string): Promise<void> {
    await loaded;
    await Promise.all([...jobs.values()].map((job) => apply(job, event)));
  }

  async function tell(id: string, event: string): Promise<void> {
    await loaded;
    const job = jobs.get(id);
    if (job) await apply(job, event);
  }

  return {
    /** Resolves when the uploads of the store are loaded. Rejects with `store_failed`. */
    ready: loaded,
    /** Stores a file and returns its local id: from then on it is uploaded, even if the app ends. Throws `store_failed`. */
    async add(file: Source, details: Details = {}): Promise<{ id: string }> {
      const id = newID();
      const input = inputOf(file, details);
      const order = Date.now();
      const position = { state: "queued", attempts: 0, refusals: 0 } as const;
      const entry: Entry = { ...position, id, order, generation: 0, input };
      await store.add(entry, file);
      jobs.set(id, { entry, sent: 0 });
      changed();
      return { id };
    },
    /** Returns all uploads, oldest first. The same array until something changes, as `useSyncExternalStore` needs. */
    list: uploads.list,
    /** Calls `listener` after each change, progress included. Returns a function that ends the subscription. */
    subscribe: uploads.subscribe,
    /** Queues a `failed` upload again. */
    retry: (id: string): Promise<void> => tell(id, "retry"),
    /** Cancels an upload that is not complete, and deletes its image. */
    cancel: (id: string): Promise<void> => tell(id, "cancel"),
    /** Removes an `uploaded` or `failed` upload from the list. The image stays. */
    dismiss: (id: string): Promise<void> => tell(id, "dismiss"),
    /** Stops all transfers until `resume`. Not stored: a new queue is not paused. */
    async pause(): Promise<void> {
      isPaused = true;
      for (const job of jobs.values()) {
        const { state } = job.entry;
        // `queued` with a lock that it waits for is about to start as well.
        if (state === "queued" || state === "creating" || state === "sending") job.abort?.abort();
        if (state === "creating" || state === "sending") await apply(job, "restart");
      }
    },
    /** Continues after `pause`. */
    resume(): void {
      isPaused = false;
      pump();
    },
    /** Continues the uploads in the state `auth`: call it once `token` returns a valid token. */
    authenticated: (): Promise<void> => all("authenticated"),
    /** Retries the uploads in the state `offline` at once. Browsers do this by themselves. */
    online: (): Promise<void> => all("online"),
    /** Resolves when the upload needs no more work, with undefined if it was cancelled. */
    async settled(id: string): Promise<Upload | undefined> {
      await loaded;
      return uploads.settled(id);
    },
    /** Aborts transfers and timers. A new queue on the same store continues. */
    close(): void {
      isClosed = true;
      globalThis.removeEventListener?.("online", onOnline);
      for (const job of jobs.values()) {
        clearTimeout(job.timer);
        job.abort?.abort();
      }
    },
  };
}

const isSending = ({ entry }: Job): boolean => entry.state === "sending";

function restarted(entry: Entry): Entry {
  const transition = step(entry, "restart");
  return transition ? { ...entry, state: transition.state } : entry;
}
