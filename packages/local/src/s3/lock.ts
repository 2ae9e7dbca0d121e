/** One at a time, by name. */

export type Lock = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** A lock whose holders of one name run one after another, in the order in which they asked. */
export function createLock(): Lock {
  const last = new Map<string, Promise<unknown>>();
  return async (name, run) => {
    const before = last.get(name);
    const mine = before ? before.then(run, run) : run();
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
