/** The engine alone as a function: reads a picture from disk and renders it. What the throughput is compared with. */
import { readFile } from "node:fs/promises";
import { render } from "../packages/core/src/render.ts";
import { Settings } from "../packages/core/src/settings.ts";

/** Answers with how many variants were made, which are thrown away. */
export async function handler({ file }: { file: string }): Promise<number> {
  const { variants } = await render(await readFile(file), Settings.pipelineDefaults);
  return variants.length;
}
