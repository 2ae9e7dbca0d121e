/** How benchmarks measure: CPU time of the whole process, cases interleaved, medians of ratios taken side by side. */
import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

/** A piece of work to be measured on each input. */
export type Case<T> = { name: string; run(input: T): Promise<unknown> };

/** CPU in milliseconds (user and system, all threads) of each case, in the same order of samples for every case. */
export type Samples = Map<string, number[]>;

/**
 * Runs every case on every input, round after round, each time starting with another case, so that a slow moment of
 * the machine meets all of them alike. One round before the first is not counted.
 */
export async function interleave<T>(
  cases: readonly Case<T>[],
  inputs: readonly T[],
  rounds: number,
): Promise<Samples> {
  const samples: Samples = new Map(cases.map(({ name }) => [name, []]));
  let turn = 0;
  for (let round = -1; round < rounds; round++) {
    for (const input of inputs) {
      turn++;
      for (let i = 0; i < cases.length; i++) {
        const { name, run } = cases[(i + turn) % cases.length] as Case<T>;
        const before = process.cpuUsage();
        await run(input);
        const { user, system } = process.cpuUsage(before);
        if (round >= 0) samples.get(name)?.push((user + system) / 1000);
      }
    }
  }
  return samples;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The median of one case's samples, in milliseconds of CPU. */
export const cpuOf = (samples: Samples, name: string) => median(samples.get(name) ?? []);

/** How much one case costs of another: the median over pairs that were measured next to each other on one input. */
export function ratioOf(samples: Samples, name: string, to: string): number {
  const others = samples.get(to) ?? [];
  return median((samples.get(name) ?? []).map((value, i) => value / (others[i] ?? Number.NaN)));
}

/** A figure, its target in brackets, and whether it is met. */
export function verdict(value: number, than: "≤" | "≥", target: number, digits = 3): string {
  const met = than === "≤" ? value <= target : value >= target;
  return `${value.toFixed(digits)} (${than} ${target.toFixed(Math.min(digits, 2))}: ${met ? "pass" : "**miss**"})`;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What the figures were taken on. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${memory} GB, Linux ${release()}, Node ${process.versions.node}`;
}

/** Whether a program can be started; peers that are not installed are left out. */
export function has(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
