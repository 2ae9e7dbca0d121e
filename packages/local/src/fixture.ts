/** A clock for tests. */
import type { Clock } from "./clock.ts";

/** Creates a clock that only `pass` moves on; it runs the timers in their order, with everything that they set off. */
export function virtualClock(): Clock & { pass(ms: number): Promise<void> } {
  let now = 1_000_000;
  const timers = new Set<{ at: number; run(): void }>();
  const settle = () => new Promise((done) => setImmediate(done));
  return {
    now: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    pass: async (ms) => {
      const end = now + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        now = next.at;
        next.run();
        await settle();
      }
      now = end;
    },
  };
}
