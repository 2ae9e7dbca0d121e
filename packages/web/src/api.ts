/** The API's client for this page, and the state of its connection. */
import { createClient } from "@image-pipeline/client";
import { signal } from "@preact/signals";
import { mustSignIn, token } from "./sign-in.tsx";

const options = { baseUrl: location.origin, token: () => token.peek(), fetch: observed };

/** Client for reads and changes: gives up after the client's default number of attempts. */
export const api = createClient(options);

/** Attempts of an upload's requests: an upload waits for the server as long as the page is open. */
export const uploadTries = 100_000;

/** Client for uploads. */
export const uploadApi = createClient({ ...options, tries: uploadTries });

/** False from the first request without a response until the server responds again. */
export const isReachable = signal(true);

/** Interval of health checks while the server is unreachable. */
const probeMs = 1500;

/** Reports a request without a response, and checks `/health` until the server is back. */
export function onUnreachable(): void {
  if (!isReachable.peek()) return;
  isReachable.value = false;
  probe();
}

addEventListener("offline", onUnreachable);

function probe(): void {
  const again = () => setTimeout(probe, probeMs);
  fetch(`${location.origin}/health`, { cache: "no-store" }).then(({ ok }) => {
    if (ok) isReachable.value = true;
    else again();
  }, again);
}

async function observed(url: string, init: RequestInit): Promise<Response> {
  try {
    // `keepalive` lets a deletion or an edit finish after the page is closed.
    const keepalive = init.method === "DELETE" || init.method === "PATCH";
    const response = await fetch(url, { ...init, keepalive });
    isReachable.value = true;
    if (response.status === 401) mustSignIn.value = true;
    return response;
  } catch (error) {
    if (error instanceof TypeError) onUnreachable();
    throw error;
  }
}
