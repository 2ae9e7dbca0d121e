/** The route that the browser's address stands for, followed and changed. */
import { signal } from "@preact/signals";
import { format, parse, type Route } from "./route.ts";

/** Where we are now. Follows the address; `go` changes it. */
export const route = signal(parse(location.hash));

/** Whether the image that is shown was opened from the page behind it, to which Back then leads. */
let isOpenedHere = false;

addEventListener("hashchange", () => {
  const next = parse(location.hash);
  isOpenedHere = next.imageID !== undefined && (isOpenedHere || route.peek().imageID === undefined);
  route.value = next;
});

/** Goes to another route, from which Back returns; or in its place, where there is nothing to return to. */
export function go(change: Partial<Route>, { replace = false } = {}): void {
  const next = { ...route.peek(), ...change };
  history[replace ? "replaceState" : "pushState"](null, "", format(next));
  route.value = next;
}

/** Closes the image that is shown, as Back would where that leads to the same page without it. */
export function closeImage(): void {
  if (isOpenedHere) history.back();
  else go({ imageID: undefined }, { replace: true });
}
