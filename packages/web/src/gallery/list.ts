/** The images of the current filter, loaded page by page and kept up to date. */
import type { Count, Image, Query } from "@image-pipeline/client";
import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { api, isReachable } from "../api.ts";
import { pendingDelete } from "../deletion.ts";
import { poll, subscribe } from "../live.ts";
import { type Filter, matches, queryOf, wholeSeconds } from "../route.ts";
import { route } from "../router.ts";
import { token } from "../sign-in.tsx";
import { isUnfinished, type Tile, tileOf } from "./tile.ts";

/** The API's maximum page size, about one screen of a 4K display. */
const limit = 100;

/** Interval at which a visible page checks for new images. */
const refreshMs = 4000;

/** Overlap of a refresh with the known images: lists are eventually consistent and timestamps are whole seconds. */
const overlapMs = 10_000;

/** Creates the list of a filter. It is empty until `more` is called. `close` stops its timers and requests. */
function createList(filter: Filter) {
  const tiles = signal<readonly Tile[]>([]);
  /** New images that are not shown yet. */
  const waiting = signal<readonly Tile[]>([]);
  const isLoading = signal(false);
  const isComplete = signal(false);
  const error = signal<unknown>(undefined);
  const query: Query = { ...queryOf(filter), limit };
  const known = new Set<string>();
  const stopped = new AbortController();
  const { signal: abort } = stopped;
  /** The number of images on the server, once the API has counted them: more than one page is not loaded at once. */
  const counted = signal<Count | undefined>(undefined);
  /** Other orders would insert new images far below the window. */
  const isNewestFirst = filter.sort === undefined;
  let cursor: string | undefined;
  let mayInsert = true;

  /** Loads the next page, unless the list is complete or a page is being loaded. */
  async function more(): Promise<void> {
    if (isLoading.peek() || isComplete.peek()) return;
    batch(() => {
      isLoading.value = true;
      error.value = undefined;
    });
    try {
      const isFirst = cursor === undefined;
      const fresh: Tile[] = [];
      // A page of a search may be empty and not the last.
      do {
        const page = await api.images.page({ ...query, cursor }, { signal: abort });
        cursor = page.nextCursor;
        fresh.push(...page.items.map(tileOf).filter(isNew));
      } while (fresh.length === 0 && cursor !== undefined);
      if (isFirst && cursor !== undefined) void count();
      const all = [...tiles.peek(), ...fresh];
      batch(() => {
        // Uploads from this page may have been inserted before the first page arrived.
        tiles.value = isFirst && isNewestFirst ? all.sort(byAge) : all;
        isComplete.value = cursor === undefined;
      });
      if (fresh.some(isUnfinished)) poll();
    } catch (cause) {
      if (!abort.aborted) error.value = cause;
    } finally {
      isLoading.value = false;
    }
  }

  /** Counts the images. Without a count the gallery shows none. */
  async function count(): Promise<void> {
    const { order: _, limit: __, orderBy: ___, ...filters } = query;
    counted.value = await api.images.count(filters, { signal: abort }).catch(() => undefined);
  }

  /** Loads images that are newer than the newest known one. */
  async function refresh(): Promise<void> {
    const newest = waiting.peek()[0] ?? tiles.peek()[0];
    const since = newest ? wholeSeconds(Date.parse(newest.createdAt) - overlapMs) : query.createdAfter;
    const page = await api.images.page({ ...query, createdAfter: since }, { signal: abort });
    insert(page.items.map(tileOf));
  }

  function insert(given: readonly Tile[]) {
    const fresh = given.filter(isNew);
    if (fresh.length === 0) return;
    adjust(fresh.length);
    const target = mayInsert ? tiles : waiting;
    target.value = [...fresh, ...target.peek()].sort(byAge);
    if (fresh.some(isUnfinished)) poll();
  }

  function adjust(change: number) {
    const before = counted.peek();
    if (before) counted.value = { ...before, count: before.count + change };
  }

  function isNew({ id }: Tile): boolean {
    if (known.has(id)) return false;
    known.add(id);
    return true;
  }

  function onImage(image: Image) {
    const tile = tileOf(image);
    if (!matches(filter, tile)) return onDeleted(tile.id);
    const index = tiles.peek().findIndex(({ id }) => id === tile.id);
    // The API finds those of a search, with the next refresh.
    if (index < 0) return isNewestFirst && !filter.q ? insert([tile]) : undefined;
    if ((tiles.peek()[index]?.version ?? 0) < tile.version) tiles.value = tiles.peek().with(index, tile);
  }

  function onDeleted(id: string) {
    if (known.delete(id)) adjust(-1);
    for (const list of [tiles, waiting]) {
      if (list.peek().some((tile) => tile.id === id))
        list.value = list.peek().filter((tile) => tile.id !== id);
    }
  }

  const unfinished = () =>
    tiles
      .peek()
      .filter(isUnfinished)
      .map(({ id }) => id);

  const timer = setInterval(() => {
    if (!isNewestFirst || document.visibilityState !== "visible" || !isReachable.peek() || isLoading.peek())
      return;
    if (tiles.peek().length === 0 && !isComplete.peek()) return;
    // A failed refresh is repeated by the next tick.
    refresh().catch(() => undefined);
  }, refreshMs);
  const unsubscribe = subscribe({ onImage, onDeleted, unfinished });

  return {
    tiles,
    waiting,
    /** Number of images that match; `estimate`: there are at least so many. Undefined until it is known. */
    total: computed(() =>
      isComplete.value
        ? { count: tiles.value.length + waiting.value.length, estimate: false }
        : counted.value,
    ),
    isLoading,
    isComplete,
    error,
    more,
    /** Allows new images to be inserted at once. Otherwise they wait, so that nothing moves while a person looks at it. */
    mayInsert: (may: boolean) => {
      mayInsert = may;
    },
    /** Inserts the waiting images. */
    show: () =>
      batch(() => {
        tiles.value = [...waiting.peek(), ...tiles.peek()].sort(byAge);
        waiting.value = [];
        poll();
      }),
    close: () => {
      clearInterval(timer);
      unsubscribe();
      stopped.abort(new DOMException("The list was replaced.", "AbortError"));
    },
  };
}

const byAge = (a: Tile, b: Tile) =>
  a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1;

/** The list of the current route's filter. Replaced when the filter or the token changes. */
export const list = signal(createList({}));

const wanted = computed(() => JSON.stringify([route.value.filter, token.value ?? ""]));

effect(() => {
  const [filter] = JSON.parse(wanted.value) as [Filter, string];
  const next = untracked(() => createList(filter));
  untracked(() => list.value.close());
  list.value = next;
  // On other pages nothing is loaded: the grid does it when it is shown.
  if (route.peek().page === "gallery") void next.more();
});

// Retries a failed page when the server is reachable again.
effect(() => {
  if (isReachable.value && list.value.error.peek()) void list.peek().more();
});

/** The visible images of the current list: those that are not about to be deleted. */
export const tiles = computed(() => {
  const hidden = pendingDelete.value;
  const all = list.value.tiles.value;
  return hidden.size === 0 ? all : all.filter(({ id }) => !hidden.has(id));
});

/** Tags of the loaded images, sorted: suggestions for the tag filter. */
export const knownTags = computed(() => {
  const known = new Set<string>();
  for (const { tags } of tiles.value) for (const tag of tags) known.add(tag);
  return [...known].sort();
});
