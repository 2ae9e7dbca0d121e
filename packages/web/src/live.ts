/** Images as they change: whoever learns of a change tells, whoever shows images listens. */
import type { Image } from "@image-pipeline/client/client";
import { api } from "./api.ts";
import { isReachable } from "./connection.ts";

export type Listener = {
  /** An image as it is now. */
  onImage?(image: Image): void;
  /** There is no such image any more. */
  onGone?(id: string): void;
  /** The images that this listener shows unfinished: they are looked up until they are done. */
  unfinished?(): readonly string[];
};

const listeners = new Set<Listener>();

/** Hears of every change from now on, until the returned function is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  watch();
  return () => listeners.delete(listener);
}

/** Tells everybody of an image as it is now. */
export function tell(image: Image): void {
  quicken(image);
  for (const { onImage } of listeners) onImage?.(image);
  watch();
}

/** Tells everybody that an image is gone. */
export function tellGone(id: string): void {
  for (const { onGone } of listeners) onGone?.(id);
}

/** Says that somebody shows images unfinished that nobody has told of: from now on they are looked up too. */
export function follow(): void {
  pause = pauseMs.min;
  watch();
}

/** The API looks up so many at once. */
const batchMax = 100;

/** A small picture takes a second to be made. What does not change for long, an upload that never came, is asked for seldom. */
const pauseMs = { min: 1000, max: 15_000 };

const versions = new Map<string, number>();
let pause = pauseMs.min;
let start = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Looks up what is unfinished, again and again until nothing is. */
function watch(): void {
  if (timer === undefined) timer = setTimeout(look, pause);
}

async function look(): Promise<void> {
  const ids = [...new Set([...listeners].flatMap((listener) => listener.unfinished?.() ?? []))];
  if (start >= ids.length) start = 0;
  const asked = ids.slice(start, start + batchMax);
  start += batchMax;
  pause = Math.min(pause * 1.3, pauseMs.max);
  try {
    if (asked.length > 0 && isReachable.peek() && document.visibilityState === "visible") {
      const images = await api.images.many(asked);
      const there = new Set(images.map(({ id }) => id));
      images.forEach(tell);
      for (const id of asked) if (!there.has(id)) tellGone(id);
    }
  } catch {
    // Whether the server is gone is shown elsewhere, and the next look comes all the same.
  } finally {
    timer = undefined;
    if (ids.length > 0) watch();
    else versions.clear();
  }
}

/** An image that moves is looked at closely, and so are its neighbours. */
function quicken({ id, version }: Image): void {
  if (versions.get(id) === version) return;
  versions.set(id, version);
  pause = pauseMs.min;
}
