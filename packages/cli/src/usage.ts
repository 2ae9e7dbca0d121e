/** `usage`: shows what an owner used in a month. */
import { command, jsonOption, program, urlOption } from "./command.ts";
import { connect } from "./connect.ts";
import { dim, size } from "./format.ts";

export const usage = command(
  "usage",
  `Show an owner's usage in a month, by day

Uploads and their bytes, changes, reprocesses, runs of the processor and lazy variants that were made: the numbers that quotas are counted by, kept for 13 months. Days are in UTC. The last line is what is stored now.`,
  [`${program} usage`, `${program} usage --month 2026-10 --owner acme --json`],
)
  .option("--month <month>", "Month such as 2026-11 (default: this month)")
  .option("--owner <owner>", "Owner, for API keys that may act for any")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async ({ month, owner, url, json }) => {
    const client = await connect(url);
    const usage = await client.usage({ month, owner });
    if (json) {
      process.stdout.write(`${JSON.stringify(usage)}\n`);
      return;
    }
    process.stdout.write(
      `${dim(line("DAY", ["UPLOADS", "BYTES", "CHANGES", "REPROC.", "RUNS", "RENDERS"]))}\n`,
    );
    for (const { date, ...counts } of usage.days) process.stdout.write(`${line(date, cells(counts))}\n`);
    process.stdout.write(`${line(usage.month, cells(usage.total))}\n`);
    const { images, originalBytes, variantBytes } = usage.stored;
    process.stdout.write(
      `Stored now: ${images} ${images === 1 ? "image" : "images"}, originals ${size(originalBytes)}, variants ${size(variantBytes)}\n`,
    );
  });

type Counts = {
  uploads: number;
  bytes: number;
  changes: number;
  reprocesses: number;
  runs: number;
  renders: number;
};

const cells = ({ uploads, bytes, changes, reprocesses, runs, renders }: Counts) => [
  ...[String(uploads), size(bytes), String(changes), String(reprocesses), String(runs), String(renders)],
];

const line = (day: string, cells: readonly string[]) =>
  day.padEnd(10) + cells.map((cell) => cell.padStart(9)).join("");
