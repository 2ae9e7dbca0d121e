/** Renders one file: `node child.ts FILE`. Prints by how many MB the process grew at most. */
import { readFileSync } from "node:fs";
import { render } from "../../packages/core/src/engine/render.ts";
import { Settings } from "../../packages/core/src/settings.ts";

const [file = ""] = process.argv.slice(2);
const limits = { ...Settings.pipelineDefaults, bytesMax: 500_000_000, decodeSecondsMax: 300 };
const idle = status("VmRSS");
await render(readFileSync(file), limits);
process.stdout.write(String((status("VmHWM") - idle) / 1024));

/** In KB: proc(5). */
function status(field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}
