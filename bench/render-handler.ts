/** The engine alone as a handler: the reference of the throughput benchmark. */
import { readFile } from "node:fs/promises";
import { render } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuSince } from "./measure.ts";

/** Renders a file and returns the CPU in milliseconds. */
export async function handler({ file }: { file: string }): Promise<number> {
  const before = process.cpuUsage();
  await render(await readFile(file), Settings.pipelineDefaults);
  return cpuSince(before);
}
