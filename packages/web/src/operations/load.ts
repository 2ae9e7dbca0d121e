/** The statistics, asked for again and again while somebody looks at them. */
import type { Stats } from "@image-pipeline/client/client";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api } from "../api.ts";
import { isReachable } from "../connection.ts";
import { token } from "../session.ts";

/** Slow enough to cost nothing, quick enough to see an upload come through. */
const everyMs = 5000;

/** The last statistics that came, and why there are none newer. */
export function useStats() {
  const stats = useSignal<Stats | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const isBack = isReachable.value;
  const who = token.value;
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        if (document.visibilityState === "visible" && isBack) {
          stats.value = await api.stats({ signal: stopped.signal });
          error.value = undefined;
        }
      } catch (cause) {
        if (!stopped.signal.aborted) error.value = cause;
      } finally {
        if (!stopped.signal.aborted) timer = setTimeout(ask, everyMs);
      }
    };
    // It keeps its own errors.
    void ask();
    return () => {
      clearTimeout(timer);
      stopped.abort(new DOMException("Nobody looks any more.", "AbortError"));
    };
  }, [isBack, who, stats, error]);
  return { stats, error };
}
