/** Store of a paged list, for `useSyncExternalStore`. */
import type { Client, ClientError, Image, Page, Query } from "@image-pipeline/client";
import { errorOf } from "./problem.ts";

/** State of a list. `hasMore` is true while further images may exist. */
export type State = {
  images: readonly Image[];
  isLoading: boolean;
  hasMore: boolean;
  error?: ClientError;
};

/** Creates a list of a query, with its first page if that is known. Makes no request until `start` is called. */
export function createList({ images }: Pick<Client, "images">, query: Query, initial?: Page) {
  const listeners = new Set<() => void>();
  let cursor = initial?.nextCursor;
  let state: State = {
    images: initial?.items ?? [],
    isLoading: !initial,
    hasMore: !initial || cursor !== undefined,
  };
  let abort: AbortController | undefined;
  let loading: Promise<void> = Promise.resolve();

  function set(change: Partial<State>): void {
    state = { ...state, ...change };
    for (const listener of listeners) listener();
  }

  function load(isFirst: boolean): Promise<void> {
    abort?.abort();
    abort = new AbortController();
    if (!state.isLoading || state.error) set({ isLoading: true, error: undefined });
    loading = request(isFirst, abort.signal);
    return loading;
  }

  async function request(isFirst: boolean, signal: AbortSignal): Promise<void> {
    // StrictMode stops and starts an effect at once: the stopped one makes no request.
    await Promise.resolve();
    if (signal.aborted) return;
    try {
      const page = await nextPage(isFirst ? undefined : cursor, signal);
      if (signal.aborted) return;
      cursor = page.nextCursor;
      const known = new Set(isFirst ? [] : state.images.map(({ id }) => id));
      const items = page.items.filter(({ id }) => !known.has(id));
      set({
        images: isFirst ? items : [...state.images, ...items],
        isLoading: false,
        hasMore: cursor !== undefined,
      });
    } catch (error) {
      if (!signal.aborted) set({ isLoading: false, error: errorOf(error) });
    }
  }

  /** Returns the next page that has images: a page may be empty and not be the last. */
  async function nextPage(from: string | undefined, signal: AbortSignal): Promise<Page> {
    const page = await images.page({ ...query, cursor: from }, { signal });
    return page.items.length === 0 && page.nextCursor !== undefined
      ? nextPage(page.nextCursor, signal)
      : page;
  }

  return {
    snapshot: (): State => state,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Loads the first page, or continues after `stop`. */
    start(): void {
      if (state.isLoading) void load(cursor === undefined);
    },
    /** Aborts the request in progress. */
    stop(): void {
      abort?.abort();
    },
    /** Appends the next page. After an error, repeats the page that failed. */
    loadMore(): Promise<void> {
      if (state.isLoading || !state.hasMore) return loading;
      return load(cursor === undefined);
    },
    /** Loads the first page again. The known images stay until it has arrived. */
    refresh: (): Promise<void> => load(true),
  };
}
