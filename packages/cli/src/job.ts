/** How a job over many things tells how far it is: a line in place on a terminal, lines of JSON otherwise. */
import { bar, isTerminal, live, spinner } from "./terminal.ts";

/** The numbers of a job by name, such as `looked` and `sent`. */
export type Counts = Record<string, number>;

export type Job<C extends Counts> = {
  counts: C;
  /** A line of its own, above the progress: words for people, or a line of JSON. */
  say(words: string, data: object): void;
  /** Ends the progress and prints the result. */
  end(words: string, data?: object): void;
  /** Ends the progress without a word, if it has not ended. Must be called whatever happens. */
  stop(): void;
};

const barColumns = 32;

/** Between two lines of JSON. */
const everyMs = 5_000;

/**
 * Starts to tell of a job. JSON where it is asked for, or where standard output is no terminal. `total` is what the
 * first of the counts will come to, where that is known beforehand: it makes a bar.
 */
export function startJob<C extends Counts>(
  name: string,
  counts: C,
  { json, total }: { json?: boolean | undefined; total?: number } = {},
): Job<C> {
  const began = Date.now();
  const isJSON = json || !isTerminal(process.stdout);
  const write = (data: object) => void process.stdout.write(`${JSON.stringify(data)}\n`);
  const report = () => write({ progress: name, ...counts, ...(total ? { total } : {}) });
  if (isJSON) report();
  const timer = isJSON ? setInterval(report, everyMs) : undefined;
  const screen = live(() => [
    `${spinner()} ${name}: ${inWords(counts)}${rate(counts, began)}`,
    ...(total ? [barOf(counts, total)] : []),
  ]);
  const stop = () => {
    clearInterval(timer);
    screen.stop();
  };
  return {
    counts,
    stop,
    say: (words, data) => (isJSON ? screen.print(JSON.stringify(data)) : screen.print(words)),
    end(words, data = {}) {
      stop();
      if (isJSON) write({ done: name, ...counts, ...data, seconds: Math.round((Date.now() - began) / 1000) });
      else process.stdout.write(`${words}\n`);
    },
  };
}

/** `12,000 looked at, 3 sent` */
export const inWords = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ");

/** `━━━━━━━━───────  53%`: of a total that may have changed since it was counted. */
function barOf(counts: Counts, total: number): string {
  const [first = 0] = Object.values(counts);
  const share = Math.min(1, first / total);
  return `  ${bar(share, barColumns)} ${`${Math.floor(share * 100)}%`.padStart(4)}`;
}

function rate(counts: Counts, began: number): string {
  const [first = 0] = Object.values(counts);
  const seconds = (Date.now() - began) / 1000;
  return seconds < 1 ? "" : ` (${Math.round(first / seconds).toLocaleString("en")}/s)`;
}
