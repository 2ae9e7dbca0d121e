/** Whether the server can be reached, found out from the requests that are made anyway. */
import { signal } from "@preact/signals";

/** False from the first request that got no answer until the server answers again. */
export const isReachable = signal(true);

/** How often a server that is gone is asked for. */
const everyMs = 1500;

/** Says that a request got no answer. The server is then asked for until it is back. */
export function lost(): void {
  if (!isReachable.peek()) return;
  isReachable.value = false;
  probe();
}

function probe(): void {
  fetch(`${location.origin}/health`, { cache: "no-store" }).then(
    ({ ok }) => (ok ? found() : setTimeout(probe, everyMs)),
    () => setTimeout(probe, everyMs),
  );
}

/** Says that the server has answered. */
export function found(): void {
  isReachable.value = true;
}

addEventListener("offline", lost);
