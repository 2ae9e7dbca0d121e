/** The engine alone as a function: reads a picture from disk and renders it. What the throughput is compared with. */
import { readFile } from "node:fs/promises";
import { render } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";

/** Answers with the CPU that it took, in milliseconds; the variants are thrown away. */
export async function handler({ file }: { file: string }): Promise<number> {
  const before = process.cpuUsage();
  await render(await readFile(file), Settings.pipelineDefaults);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
