/** Publishes changes of images to subscribers, and polls images that are not final. */
import type { Image } from "@image-pipeline/client";
import { api, isReachable } from "./api.ts";

/** A view that shows images. */
export type Subscriber = {
  /** Receives the current state of an image. */
  onImage?(image: Image): void;
  /** Receives the id of an image that does not exist any more. */
  onDeleted?(id: string): void;
  /** Returns the ids of shown images that are not final. They are polled until they are. */
  unfinished?(): readonly string[];
};

const subscribers = new Set<Subscriber>();

/** Subscribes to changes and returns the function that unsubscribes. */
export function subscribe(subscriber: Subscriber): () => void {
  subscribers.add(subscriber);
  schedule();
  return () => subscribers.delete(subscriber);
}

/** Publishes the current state of an image. */
export function publish(image: Image): void {
  resetPause(image);
  for (const { onImage } of subscribers) onImage?.(image);
  schedule();
}

/** Publishes the deletion of an image. */
export function publishDeletion(id: string): void {
  for (const { onDeleted } of subscribers) onDeleted?.(id);
}

/** Starts polling soon, for a subscriber that shows new unfinished images which were not published. */
export function poll(): void {
  pause = pauseMs.min;
  schedule();
}

/** Maximum number of ids in one request to the API. */
const batchMax = 100;

/** Bounds of the polling interval. It grows while nothing changes: the bytes of a pending image may never come. */
const pauseMs = { min: 1000, max: 15_000 };

const versions = new Map<string, number>();
let pause = pauseMs.min;
let start = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function schedule(): void {
  if (timer === undefined) timer = setTimeout(look, pause);
}

/** Looks up the next batch of unfinished images. Runs again until there are none. */
async function look(): Promise<void> {
  const ids = [...new Set([...subscribers].flatMap((subscriber) => subscriber.unfinished?.() ?? []))];
  if (start >= ids.length) start = 0;
  const batch = ids.slice(start, start + batchMax);
  start += batchMax;
  pause = Math.min(pause * 1.3, pauseMs.max);
  try {
    if (batch.length > 0 && isReachable.peek() && document.visibilityState === "visible") {
      const images = await api.images.many(batch);
      const found = new Set(images.map(({ id }) => id));
      images.forEach(publish);
      for (const id of batch) if (!found.has(id)) publishDeletion(id);
    }
  } catch {
    // An unreachable server is shown by `isReachable`, and the next poll follows anyway.
  } finally {
    timer = undefined;
    if (ids.length > 0) schedule();
    else versions.clear();
  }
}

/** Polls at the shortest interval again after an image has changed. */
function resetPause({ id, version }: Image): void {
  if (versions.get(id) === version) return;
  versions.set(id, version);
  pause = pauseMs.min;
}
