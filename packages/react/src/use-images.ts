"use client";
/** Hook for a paged list of images. */
import type { Client, Page, Query } from "@image-pipeline/client";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { createList, type State } from "./list.ts";

/** State of `useImages` and its methods, which resolve when the state has changed and never reject. */
export type ImagesState = State & {
  /** Appends the next page. After an error, repeats the page that failed. Does nothing while a page is loading. */
  loadMore(): Promise<void>;
  /** Loads the first page again. The known images stay until it has arrived. */
  refresh(): Promise<void>;
};

/** Options of `useImages`. */
export type ImagesOptions = {
  /** First page of the first query, which a server has loaded: it is not requested again. */
  initialPage?: Page;
};

/**
 * Lists images page by page, newest first. Another query starts a new, empty list. Aborts requests when the component
 * unmounts. Create `client` once, outside of components.
 */
export function useImages(
  client: Pick<Client, "images">,
  query: Query = {},
  { initialPage }: ImagesOptions = {},
): ImagesState {
  // A query by value: callers write it as a literal.
  const key = JSON.stringify(query);
  const [held, hold] = useState(() => ({ client, key, list: createList(client, query, initialPage) }));
  let { list } = held;
  if (held.key !== key || held.client !== client) {
    list = createList(client, query);
    hold({ client, key, list });
  }
  useEffect(() => {
    list.start();
    return list.stop;
  }, [list]);
  const state = useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot);
  return useMemo(() => ({ ...state, loadMore: list.loadMore, refresh: list.refresh }), [state, list]);
}
