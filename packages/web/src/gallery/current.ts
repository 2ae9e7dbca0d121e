/** The list that the gallery shows now: another one for every filter, and for everybody who signs in. */
import { computed, effect, signal, untracked } from "@preact/signals";
import { route } from "../address.ts";
import { isReachable } from "../connection.ts";
import { doomed } from "../removal.ts";
import type { Filter } from "../route.ts";
import { token } from "../session.ts";
import { createList } from "./list.ts";

const wanted = computed(() => JSON.stringify([route.value.filter, token.value ?? ""]));

/** The list of the route's filter. */
export const list = signal(createList({}));

effect(() => {
  const [filter] = JSON.parse(wanted.value) as [Filter, string];
  const next = untracked(() => createList(filter));
  untracked(() => list.value.close());
  list.value = next;
  // In the other room nobody sees it: the grid asks for it when it is there.
  if (route.peek().page === "gallery") void next.more();
});

// What could not be loaded while the server was gone is loaded when it is back.
effect(() => {
  if (isReachable.value && list.value.error.peek()) void list.peek().more();
});

/** What is seen of it: without what is about to be deleted. */
export const tiles = computed(() => {
  const hidden = doomed.value;
  const all = list.value.tiles.value;
  return hidden.size === 0 ? all : all.filter(({ id }) => !hidden.has(id));
});

/** Every tag that has been seen, to choose from. */
export const tagsSeen = computed(() => {
  const seen = new Set<string>();
  for (const { tags } of tiles.value) for (const tag of tags) seen.add(tag);
  return [...seen].sort();
});
