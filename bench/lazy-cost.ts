/** The section on lazy files in docs/costs.md: what `large` costs as a stored variant and as a lazy one. */
import { recipe, type Spec } from "../packages/core/src/engine/recipe.ts";
import { render, renderFile } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuSince, mean, median } from "./measure.ts";
import { prices } from "./prices.ts";

const limits = Settings.pipelineDefaults;
const { processorMemoryMB } = Settings.readCloud({});
const million = 1e6;
const shares = [0, 0.1, 0.5, 1];
const months = 12;
const lazily: Record<string, Spec> = { ...recipe, large: { ...recipe.large, lazy: true } };
const name = "large";

/** Returns the section. `waitSeconds` is the time that a run waits for S3 and DynamoDB. */
export async function lazyCosts(inputs: readonly Buffer[], waitSeconds: number): Promise<string> {
  /** The least CPU of each photo in seconds, of three rounds. */
  const cpu = {
    all: new Map<Buffer, number>(),
    without: new Map<Buffer, number>(),
    one: new Map<Buffer, number>(),
  };
  const sizes: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (const input of inputs) {
      const timed = async <T>(into: Map<Buffer, number>, work: () => Promise<T>): Promise<T> => {
        const before = process.cpuUsage();
        const result = await work();
        into.set(input, Math.min(into.get(input) ?? Number.POSITIVE_INFINITY, cpuSince(before) / 1000));
        return result;
      };
      const { variants } = await timed(cpu.all, () => render(Buffer.from(input), limits));
      await timed(cpu.without, () => render(Buffer.from(input), limits, lazily));
      const size = variants.find((variant) => variant.name === name);
      if (!size) throw new Error(`There is no ${name}.`);
      const wanted = { spec: recipe[name], format: recipe[name].formats[0], size };
      await timed(cpu.one, () => renderFile(Buffer.from(input), wanted, limits, {}));
      sizes.push(size.files[0].bytes.length);
    }
  }
  const seconds = (of: Map<Buffer, number>) => median([...of.values()]);
  const saved = seconds(cpu.all) - seconds(cpu.without);
  const runOf = (cpuSeconds: number) => (cpuSeconds * 1769 * prices.lambdaGBSecond) / 1024;
  const bytes = mean(sizes);
  const month = (bytes / 1e9) * prices.s3GBMonth;
  const waiting = (waitSeconds * processorMemoryMB * prices.lambdaGBSecond) / 1024;
  /** A run that waits and encodes, the source, the PUT, two reads of the record, and two counters. */
  const once =
    runOf(seconds(cpu.one)) +
    waiting +
    prices.lambdaRequest +
    prices.s3Get +
    prices.s3Put +
    2 * prices.tableRead +
    2 * prices.tableWrite;
  const timeoutSeconds = limits.decodeSecondsMax + 10;
  const dearest = (timeoutSeconds * processorMemoryMB * prices.lambdaGBSecond) / 1024;
  const stored = prices.s3Put + runOf(saved) + months * month;
  const lazy = (share: number) => share * (once + months * month);
  return `## Lazy files

A recipe entry with \`lazy\` is made when it is first requested ([docs/formats.md](formats.md)). A million renders of \`${name}\` from the original cost $${(million * once).toFixed(2)}: ${seconds(cpu.one).toFixed(2)} s of CPU, the original, the file's PUT, two reads of the record and two counters. Stored, it costs a PUT and ${saved.toFixed(2)} s of CPU in the processor. With ${months} months of storage (${Math.round(bytes / 1000)} KB), per million images:

| images whose \`${name}\` is ever requested | lazy, US $ | stored, US $ |
| --- | --- | --- |
${shares.map((share) => `| ${share * 100} % | ${(million * lazy(share)).toFixed(2)} | ${(million * stored).toFixed(2)} |`).join("\n")}

The first client waits for the render: about ${(seconds(cpu.one) + waitSeconds).toFixed(1)} s, and a second more after a cold start. A stage makes at most ${limits.rendersPerDayMax.toLocaleString("en-GB")} lazy files a day (\`RENDERS_PER_DAY_MAX\`): $${(limits.rendersPerDayMax * once).toFixed(2)}, and $${(limits.rendersPerDayMax * dearest).toFixed(2)} if each took the ${timeoutSeconds} s of the renderer's timeout. A quarter of them are for the images of one owner. A request for a file that no record names reads one record at most: about $0.70 per million.
`;
}
