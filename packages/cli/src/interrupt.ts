/** Ctrl-C that loses nothing: the first asks a job to stop at its next safe place, the second ends it at once. */

/** A signal that the first Ctrl-C aborts. */
export function onInterrupt(): AbortSignal {
  const interrupt = new AbortController();
  process.once("SIGINT", () => {
    interrupt.abort();
    process.stderr.write("\nStopping after what is under way. Ctrl-C again stops at once.\n");
  });
  return interrupt.signal;
}
