/** Progress of uploads and jobs: lines redrawn in place on a terminal, JSON lines on request. */
import { createLogUpdate } from "log-update";
import { cyan, dim } from "./format.ts";

/** Counts by name, such as `looked` and `sent`. */
export type Counts = Record<string, number>;

/** Lines redrawn at the bottom of the terminal while other output scrolls above them. */
export type Live = {
  /** Prints to standard output, above the live lines. */
  print(text: string): void;
  /** Removes the live lines. Must be called, or the timer keeps the process running. */
  stop(): void;
};

const frameMs = 80;

/** Redraws `lines` on standard error, if that is a terminal. `lines` gets its width in columns. */
export function live(lines: (width: number) => readonly string[]): Live {
  const { stderr, stdout } = process;
  if (!stderr.isTTY || process.env.TERM === "dumb") {
    return { print: (text) => void stdout.write(`${text}\n`), stop: () => {} };
  }
  const update = createLogUpdate(stderr);
  const draw = () => update(lines(stderr.columns || 80).join("\n"));
  const timer = setInterval(draw, frameMs);
  return {
    print(text) {
      update.clear();
      stdout.write(`${text}\n`);
      draw();
    },
    stop() {
      clearInterval(timer);
      update.clear();
      // Shows the cursor again.
      update.done();
    },
  };
}

/** A bar of `width` columns; `share` from 0 to 1. */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return cyan("━".repeat(filled)) + dim("─".repeat(width - filled));
}

/** The current frame of a spinner. */
export const spinner = () => cyan("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".charAt(Math.floor(Date.now() / frameMs) % 10));

/** The progress of a job that looks at many objects or images. */
export type Progress<C extends Counts> = {
  counts: C;
  /** Prints a line: `text` for a terminal, `data` as JSON. */
  say(text: string, data: object): void;
  /** Ends the progress and prints the result. */
  end(text: string, data?: object): void;
  /** Ends the progress without a result, if it has not ended yet. */
  stop(): void;
};

const barColumns = 32;

/** Between two JSON lines of progress. */
const everyMs = 5_000;

/**
 * Starts to report a job's `counts`, as JSON lines with `json`. `total` is the estimated final value of the first count,
 * for a bar.
 */
export function startProgress<C extends Counts>(
  name: string,
  counts: C,
  { json: isJSON = false, total }: { json?: boolean | undefined; total?: number | undefined } = {},
): Progress<C> {
  const began = Date.now();
  const write = (data: object) => void process.stdout.write(`${JSON.stringify(data)}\n`);
  const report = () => write({ progress: name, ...counts, ...(total ? { total } : {}) });
  if (isJSON) report();
  const timer = isJSON ? setInterval(report, everyMs) : undefined;
  const screen = live(() => [
    `${spinner()} ${name}: ${inWords(counts)}${rate(counts, began)}`,
    ...(total ? [totalBar(counts, total)] : []),
  ]);
  const stop = () => {
    clearInterval(timer);
    screen.stop();
  };
  return {
    counts,
    stop,
    say: (text, data) => screen.print(isJSON ? JSON.stringify(data) : text),
    end(text, data = {}) {
      stop();
      if (isJSON) write({ done: name, ...counts, ...data, seconds: Math.round((Date.now() - began) / 1000) });
      else process.stdout.write(`${text}\n`);
    },
  };
}

/** Returns the counts in words: `12,000 looked at, 3 sent`. */
export const inWords = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ");

/** `  ━━━━━━━━───────  53%`. The total is an estimate, so the share is at most 1. */
function totalBar(counts: Counts, total: number): string {
  const [first = 0] = Object.values(counts);
  const share = Math.min(1, first / total);
  return `  ${bar(share, barColumns)} ${`${Math.floor(share * 100)}%`.padStart(4)}`;
}

function rate(counts: Counts, began: number): string {
  const [first = 0] = Object.values(counts);
  const seconds = (Date.now() - began) / 1000;
  return seconds < 1 ? "" : ` (${Math.round(first / seconds).toLocaleString("en")}/s)`;
}

/**
 * Returns a signal that the first Ctrl-C aborts, so that a job can stop at its next safe place. The second Ctrl-C ends
 * the process at once.
 */
export function onInterrupt(): AbortSignal {
  const interrupt = new AbortController();
  process.once("SIGINT", () => {
    interrupt.abort();
    process.stderr.write("\nStopping after the requests under way. Press Ctrl-C again to stop at once.\n");
  });
  return interrupt.signal;
}
