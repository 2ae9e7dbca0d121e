/** Uploads that ended with the page: images which this tab created and whose bytes it did not send before a reload. */
import type { Image } from "@image-pipeline/client";
import { effect } from "@preact/signals";
import { isSending, transferOf } from "./transfers.ts";

const key = "uploads";

/** Age from which a pending image of another browser counts as not uploaded. */
const abandonedMs = 15 * 60_000;

/** Ids of the uploads that were running when this tab was reloaded. */
const interrupted = new Set(read());

// Session storage survives a reload, and other tabs do not see it.
effect(() => {
  const running = [...transferOf.value].filter(([, { state }]) => isSending(state.value)).map(([id]) => id);
  try {
    sessionStorage.setItem(key, JSON.stringify([...interrupted, ...running]));
  } catch {
    // Without storage an interrupted upload is recognised by its age.
  }
});

function read(): string[] {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(key) ?? "[]");
    return Array.isArray(stored) ? stored.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** Returns true for a pending image whose upload does not run any more, as far as this page can know. */
export function isInterrupted({
  id,
  status,
  createdAt,
  deferredUntil,
  isImport,
  source,
}: Pick<Image, "id" | "status" | "createdAt" | "deferredUntil"> & {
  isImport?: boolean;
  source?: Image["source"];
}): boolean {
  if (status !== "pending" || deferredUntil !== undefined || isImport || source?.url) return false;
  const transfer = transferOf.value.get(id);
  if (transfer) return !isSending(transfer.state.value);
  return interrupted.has(id) || Date.now() - Date.parse(createdAt) > abandonedMs;
}
