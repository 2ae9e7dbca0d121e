/** Lists in pieces. */

/** A list in pieces of at most `size`, in its order. */
export function pieces<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

/**
 * Runs `work` on each item, `atOnce` at a time, as long as it returns true. Says whether it came to the end. Throws the
 * first error, and begins nothing more after it.
 */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<boolean>,
): Promise<boolean> {
  const waiting = [...items];
  let isComplete = true;
  const worker = async () => {
    try {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        if (await work(item)) continue;
        isComplete = false;
        waiting.length = 0;
      }
    } catch (error) {
      waiting.length = 0;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return isComplete;
}
