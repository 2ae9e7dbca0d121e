/** The current route, bound to the URL's hash. */
import { signal } from "@preact/signals";
import { format, parse, type Route } from "./route.ts";

/** The current route. Follows the URL; `go` changes both. */
export const route = signal(parse(location.hash));

/** True if the shown image was opened from the gallery, so that Back leads there. */
let isOpenedHere = false;

addEventListener("hashchange", () => {
  const next = parse(location.hash);
  isOpenedHere = next.imageID !== undefined && (isOpenedHere || route.peek().imageID === undefined);
  route.value = next;
});

/** Changes the route and adds a history entry; with `replace`, replaces the current entry. */
export function go(change: Partial<Route>, { replace = false } = {}): void {
  const next = { ...route.peek(), ...change };
  history[replace ? "replaceState" : "pushState"](null, "", format(next));
  route.value = next;
}

/** Closes the shown image: goes back if the gallery is the previous entry, and otherwise replaces the entry. */
export function closeImage(): void {
  if (isOpenedHere) history.back();
  else go({ imageID: undefined }, { replace: true });
}
