/**
 * Requests that wait for an image or a change. Each occupies a connection here, or a concurrent execution of a deployed stage, so
 * that their number is limited by process and by owner.
 */
export * as Waiting from "./waiting.ts";

import { randomUUID } from "node:crypto";
import { Image } from "./image.ts";
import { Slots } from "./slots.ts";

/** Limits of requests that wait; 0: no limit. */
export type Limits = { waitingMax: number; waitingPerOwnerMax: number };

/** Life of a slot beyond the time that its request waits, for a request that crashes. */
const marginSeconds = 5;

/** Requests of this process that wait. */
let waiting = 0;

/**
 * Waits like `Image.whenFinal`. Above a limit, returns the image as it is at once. Throws `image_not_found`.
 */
export async function whenFinal(
  { id, owner, seconds }: { id: string; owner?: string; seconds: number },
  limits: Limits,
): Promise<Image.Info> {
  const image = await Image.fromID({ id, owner });
  if (!Image.isUnfinished(image)) return image;
  return (await limited({ owner, seconds }, limits, () => Image.whenFinal({ id, owner, seconds }))) ?? image;
}

/**
 * Runs `work`, which waits for up to `seconds`. Above a limit, does not run it and returns undefined. A caller without an
 * owner may act for any, and is limited by the process alone.
 */
export async function limited<T>(
  { owner, seconds }: { owner?: string; seconds: number },
  { waitingMax, waitingPerOwnerMax }: Limits,
  work: () => Promise<T>,
): Promise<T | undefined> {
  if (waitingMax > 0 && waiting >= waitingMax) return undefined;
  waiting++;
  try {
    if (owner === undefined || waitingPerOwnerMax === 0) return await work();
    const place = { owner, kind: "waiting" as const, holder: randomUUID() };
    const life = { max: waitingPerOwnerMax, seconds: seconds + marginSeconds };
    if (!(await Slots.take({ ...place, ...life }))) return undefined;
    try {
      return await work();
    } finally {
      await Slots.release(place);
    }
  } finally {
    waiting--;
  }
}
