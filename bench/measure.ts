/** Measuring: CPU time of the process, interleaved cases, medians of paired ratios. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

/** Number of rounds: `BENCH_ROUNDS` overrides a benchmark's own, to try it quickly. */
export const roundsOf = (usual: number) => Number(process.env.BENCH_ROUNDS ?? usual);

/** Work to measure on each input. */
export type Case<T> = { name: string; run(input: T): Promise<unknown> };

/** CPU in milliseconds (user and system, all threads) by case. Samples of all cases are in the same order. */
export type Samples = Map<string, number[]>;

/**
 * Runs all cases on all inputs in rounds. Each run starts with another case, so that load of the machine affects all
 * cases alike. A warm-up round is not counted.
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
        const cpu = cpuSince(before);
        if (round >= 0) samples.get(name)?.push(cpu);
      }
    }
  }
  return samples;
}

/** Returns the CPU in milliseconds (user and system) since a `process.cpuUsage()`. */
export function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Returns the CPU in milliseconds of all children that have exited: proc(5), fields 16 and 17, in ticks of 10 ms. */
export function cpuOfChildren(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** Returns the sum. */
export const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

/** Returns the arithmetic mean. */
export const mean = (values: readonly number[]) => sum(values) / values.length;

/** Returns the median. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Returns the median CPU of a case in milliseconds. */
export const cpuOf = (samples: Samples, name: string) => median(samples.get(name) ?? []);

/** Returns the cost of a case relative to another: the median of ratios of neighbouring samples. */
export function ratioOf(samples: Samples, name: string, to: string): number {
  const others = samples.get(to) ?? [];
  return median((samples.get(name) ?? []).map((value, i) => value / (others[i] ?? Number.NaN)));
}

/** Formats a figure with its target and pass or miss. */
export function verdict(value: number, than: "≤" | "≥", target: number, digits = 3): string {
  const met = than === "≤" ? value <= target : value >= target;
  return `${value.toFixed(digits)} (${than} ${target.toFixed(Math.min(digits, 2))}: ${met ? "pass" : "**miss**"})`;
}

/** Formats a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Describes the machine: cores, memory, kernel, Node. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${memory} GB, Linux ${release()}, Node ${process.versions.node}`;
}

/** Returns true if a program can be started. */
export function has(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
