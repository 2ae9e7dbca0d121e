/** Deleting, with ten seconds to think better of it: until then nothing has been asked of the API. */
import { ClientError } from "@image-pipeline/client/client";
import { signal } from "@preact/signals";
import { api } from "./api.ts";
import { tellGone } from "./live.ts";
import { type Words, wordsOf } from "./words.ts";

/** How long a deletion can be undone. */
export const undoMs = 10_000;

/** Images that are to be deleted and are not shown any more, newest last. */
export const doomed = signal<ReadonlyMap<string, { name: string }>>(new Map());

/** What went wrong with the last deletion. */
export const removalError = signal<Words | undefined>(undefined);

const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** Takes an image off the page, and deletes it in ten seconds. */
export function remove(id: string, name: string): void {
  if (doomed.peek().has(id)) return;
  doomed.value = new Map(doomed.peek()).set(id, { name });
  removalError.value = undefined;
  timers.set(id, setTimeout(carryOut, undoMs, id));
}

/** Brings everything back that is not deleted yet. */
export function undo(): void {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  doomed.value = new Map();
}

/** Gives more time: somebody is at the button. */
export function hold(): void {
  for (const [id, timer] of timers) {
    clearTimeout(timer);
    timers.set(id, setTimeout(carryOut, undoMs, id));
  }
}

async function carryOut(id: string): Promise<void> {
  clearTimeout(timers.get(id));
  timers.delete(id);
  try {
    await api.images.remove(id);
    tellGone(id);
  } catch (error) {
    // Gone already is what was wanted.
    if (error instanceof ClientError && error.code === "image_not_found") tellGone(id);
    else removalError.value = wordsOf(error);
  } finally {
    const left = new Map(doomed.peek());
    left.delete(id);
    doomed.value = left;
  }
}

/** Whoever closes the page means it. */
addEventListener("pagehide", () => {
  for (const id of timers.keys()) void carryOut(id);
});
