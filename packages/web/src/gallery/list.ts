/** The images of one filter, newest first, as far as they have been loaded; kept up to date while they are shown. */
import type { Image, Query } from "@image-pipeline/client/client";
import { batch, signal } from "@preact/signals";
import { api } from "../api.ts";
import { isReachable } from "../connection.ts";
import { follow, listen } from "../live.ts";
import type { Filter } from "../route.ts";
import { matches, queryOf, wholeSeconds } from "./filter.ts";
import { isUnfinished, type Tile, tileOf } from "./tile.ts";

/** The API's largest page: a screen of a 4 K display holds about as many. */
const limit = 100;

/** How often new images are asked for while the page is looked at. */
const everyMs = 4000;

/** Lists may lag behind the images, and times are whole seconds. */
const overlapMs = 10_000;

/** Loads nothing by itself: `more` does, page by page. `close` when another list takes its place. */
export function createList(filter: Filter) {
  const tiles = signal<readonly Tile[]>([]);
  /** Images that have come since and that nobody asked to see yet. */
  const waiting = signal<readonly Tile[]>([]);
  const isLoading = signal(false);
  const isComplete = signal(false);
  const error = signal<unknown>(undefined);
  const query: Query = { ...queryOf(filter), limit };
  const known = new Set<string>();
  const stopped = new AbortController();
  const { signal: abort } = stopped;
  let cursor: string | undefined;
  let mayInsert = true;

  /** Loads the next page, if there is one and nobody is loading it already. */
  async function more(): Promise<void> {
    if (isLoading.peek() || isComplete.peek()) return;
    batch(() => {
      isLoading.value = true;
      error.value = undefined;
    });
    try {
      const isFirst = cursor === undefined;
      const page = await api.images.page({ ...query, cursor }, { signal: abort });
      cursor = page.nextCursor;
      const fresh = page.items.map(tileOf).filter(isNew);
      const all = [...tiles.peek(), ...fresh];
      batch(() => {
        // What was sent from this page may have come before the first of the list.
        tiles.value = isFirst ? all.sort(byAge) : all;
        isComplete.value = cursor === undefined;
      });
      if (fresh.some(isUnfinished)) follow();
    } catch (cause) {
      if (!abort.aborted) error.value = cause;
    } finally {
      isLoading.value = false;
    }
  }

  /** Asks for what has come since the newest image that is known. */
  async function refresh(): Promise<void> {
    const newest = waiting.peek()[0] ?? tiles.peek()[0];
    const since = newest ? wholeSeconds(Date.parse(newest.createdAt) - overlapMs) : query.createdAfter;
    const page = await api.images.page({ ...query, createdAfter: since }, { signal: abort });
    insert(page.items.map(tileOf));
  }

  function insert(given: readonly Tile[]) {
    const fresh = given.filter(isNew);
    if (fresh.length === 0) return;
    const target = mayInsert ? tiles : waiting;
    target.value = [...fresh, ...target.peek()].sort(byAge);
    if (fresh.some(isUnfinished)) follow();
  }

  function isNew({ id }: Tile): boolean {
    if (known.has(id)) return false;
    known.add(id);
    return true;
  }

  function onImage(image: Image) {
    const tile = tileOf(image);
    if (!matches(filter, tile)) return onGone(tile.id);
    const index = tiles.peek().findIndex(({ id }) => id === tile.id);
    if (index < 0) return insert([tile]);
    if ((tiles.peek()[index]?.version ?? 0) < tile.version) tiles.value = tiles.peek().with(index, tile);
  }

  function onGone(id: string) {
    known.delete(id);
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
    if (document.visibilityState !== "visible" || !isReachable.peek() || isLoading.peek()) return;
    if (tiles.peek().length === 0 && !isComplete.peek()) return;
    // What is not answered now is asked again soon.
    refresh().catch(() => undefined);
  }, everyMs);
  const unlisten = listen({ onImage, onGone, unfinished });

  return {
    tiles,
    waiting,
    isLoading,
    isComplete,
    error,
    more,
    /** Whether new images may take their place at once, or wait so that nothing moves under somebody's eyes. */
    mayInsert: (may: boolean) => {
      mayInsert = may;
    },
    /** Puts the images that wait into their place. */
    show: () =>
      batch(() => {
        tiles.value = [...waiting.peek(), ...tiles.peek()].sort(byAge);
        waiting.value = [];
        follow();
      }),
    close: () => {
      clearInterval(timer);
      unlisten();
      stopped.abort(new DOMException("Another list is shown.", "AbortError"));
    },
  };
}

const byAge = (a: Tile, b: Tile) =>
  a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1;
