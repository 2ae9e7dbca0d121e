/** Mirror of an owner's images: reads the change feed page by page into a store. */
import { ClientError } from "../problem.ts";
import { sleep } from "../retry.ts";
import type { ChangePage, Image } from "../types.ts";
import type { MirrorStore, Range, Row, State } from "./store.ts";

/** Reads a page of the change feed. Throws `ClientError`. */
export type ReadPage = (query: {
  since?: string;
  wait?: number;
  signal?: AbortSignal;
}) => Promise<ChangePage>;

/** The result of a step. `isSaved`: the store has the page; otherwise another tab or process was faster. */
export type Step = { isSaved: boolean; isChanged: boolean; more: boolean };

/** A cursor is saved without changes once an hour, so that it does not expire. */
const savedMs = 3_600_000;

/** All images are read again once a week: a change that reached the index of the feed too late is not on later pages. */
const roundMs = 7 * 86_400_000;

/** Reads one page and saves it. Throws `ClientError`, and the store's errors. */
export async function step(
  read: ReadPage,
  store: MirrorStore,
  options: { wait?: number; signal?: AbortSignal } = {},
): Promise<Step> {
  const state = await store.state();
  const now = Date.now();
  const isDue = state?.isComplete === true && now - state.beganAt > roundMs;
  const page = await readOrRestart(read, isDue ? undefined : state, options);
  const isRestarted = !state || isDue || page.isRestarted;
  const round = (state?.round ?? 0) + Number(isRestarted);
  const wasComplete = !isRestarted && state.isComplete;
  const isComplete = wasComplete || !page.more;
  // An empty page at the end says that the same cursor may be sent again.
  if (wasComplete && !page.more && page.items.length === 0 && now - state.savedAt < savedMs)
    return { isSaved: true, isChanged: false, more: false };
  const upserts: Row[] = [];
  const deletes: string[] = [];
  for (const { op, id, image } of page.items) {
    if (op === "upsert" && image)
      upserts.push({ id, image, round, ...(image.expiresAt && { expiresAt: image.expiresAt }) });
    else deletes.push(id);
  }
  const isSaved = await store.save(state?.cursor, {
    state: {
      ...{ cursor: page.nextCursor, round, isComplete, savedAt: now },
      beganAt: isRestarted ? now : state.beganAt,
    },
    upserts,
    deletes,
    // The round has named every image.
    ...(isComplete && !wasComplete && { before: round }),
    now: new Date(now).toISOString(),
  });
  return { isSaved, isChanged: page.items.length > 0 || isComplete !== wasComplete, more: page.more };
}

/** Reads the page after a state; from the beginning if the API does not take its cursor any more. */
async function readOrRestart(read: ReadPage, state: State | undefined, options: Parameters<ReadPage>[0]) {
  try {
    return { ...(await read({ ...options, since: state?.cursor })), isRestarted: false };
  } catch (error) {
    const isStale =
      error instanceof ClientError && (error.code === "cursor_expired" || error.code === "invalid_cursor");
    if (!state || !isStale) throw error;
    return { ...(await read(options)), isRestarted: true };
  }
}

/** A mirror that is kept up to date. */
export type Mirror = {
  /** Returns images, the newest first, without a request. */
  images(range?: Range): Promise<Image[]>;
  /** Returns an image without a request; undefined if the mirror does not have it. */
  image(id: string): Promise<Image | undefined>;
  /** Returns true once the mirror has had every image. */
  isComplete(): Promise<boolean>;
  /** Reads the changes now, for example when the app comes to the foreground. Throws `ClientError`, and the store's errors. */
  pull(): Promise<void>;
  /** Ends the polling. The store stays as it is. */
  stop(): void;
};

/** Options of a mirror. */
export type MirrorOptions = {
  store: MirrorStore;
  /**
   * Seconds for which the API holds a request until there is a change, up to 20. The API holds few of them at once.
   * @default 0
   */
  wait?: number;
  /**
   * Seconds between two polls. With `wait`, only after requests that the API did not hold.
   * @default 30
   */
  pollSeconds?: number;
  /** Called after the mirror has changed, also by another tab or process that shares the store. */
  onChange?(): void;
  /** Called with each error of a poll, which is tried again: `ClientError`, or an error of the store. */
  onError?(error: unknown): void;
};

/** Longest pause after errors, and the pause of a page that is hidden. */
const pauseSecondsMax = 300;
const hiddenSeconds = 3600;

/** Creates a mirror and begins to poll. */
export function createMirror(
  read: ReadPage,
  { store, wait = 0, pollSeconds = 30, onChange, onError }: MirrorOptions,
): Mirror {
  const stopped = new AbortController();
  const { signal } = stopped;
  let wake: (() => void) | undefined;
  let seen: string | undefined;
  let pulling: Promise<unknown> | undefined;

  /** Reads pages until there are no more. Returns true if the mirror has changed. */
  async function pullAll(seconds?: number): Promise<boolean> {
    let isChanged = false;
    for (let more = true; more; ) {
      const stored = (await store.state())?.cursor;
      if (seen !== undefined && stored !== seen) onChange?.();
      seen = stored;
      const done = await step(read, store, { signal, ...(seconds && { wait: seconds }) });
      // Another tab saved the page: the next turn continues after it.
      more = done.more || !done.isSaved;
      if (!done.isSaved) continue;
      seen = (await store.state())?.cursor;
      if (!done.isChanged) continue;
      isChanged = true;
      onChange?.();
    }
    return isChanged;
  }

  const pause = (seconds: number) => {
    const woken = new AbortController();
    wake = () => woken.abort();
    return sleep(seconds * 1000 * (1 + Math.random() / 4), woken.signal).catch(() => {});
  };

  async function poll(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const began = Date.now();
      try {
        const isChanged = await pullAll(wait);
        failures = 0;
        // A request that comes back early without a change was not held: too many others wait.
        const mayGoOn = wait > 0 && (isChanged || Date.now() - began > 500);
        if (!mayGoOn && !signal.aborted) await pause(isHidden() ? hiddenSeconds : pollSeconds);
      } catch (error) {
        if (signal.aborted) return;
        onError?.(error);
        const { retryAfterSeconds = 0 } = error instanceof ClientError ? error : {};
        await pause(Math.max(retryAfterSeconds, Math.min(2 ** failures++, pauseSecondsMax)));
      }
    }
  }

  const isHidden = () => globalThis.document?.visibilityState === "hidden";
  const onWake = () => {
    if (!isHidden()) wake?.();
  };
  // React Native has no events of this kind.
  const target = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  const page = globalThis.document;
  target?.addEventListener("online", onWake);
  page?.addEventListener("visibilitychange", onWake);
  poll().catch(() => {});

  const isShown = ({ expiresAt }: Row) => expiresAt === undefined || Date.parse(expiresAt) > Date.now();
  return {
    images: async (range = {}) => (await store.rows(range)).filter(isShown).map(({ image }) => image),
    async image(id) {
      const row = await store.row(id);
      return row && isShown(row) ? row.image : undefined;
    },
    isComplete: async () => (await store.state())?.isComplete === true,
    async pull() {
      // Not the request of the poll, which the API may hold.
      pulling ??= pullAll().finally(() => {
        pulling = undefined;
      });
      await pulling;
    },
    stop() {
      stopped.abort();
      wake?.();
      target?.removeEventListener("online", onWake);
      page?.removeEventListener("visibilitychange", onWake);
    },
  };
}
