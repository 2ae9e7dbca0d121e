/**
 * `npm run bench` runs all benchmarks, `npm run bench -- engine` one of them; `--save` writes the results to `results.md`.
 * Compare ratios within one run only: absolute figures depend on the load of the machine. `BENCH_ROUNDS=1
 * BENCH_PHOTOS=1` makes a quick trial.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machine } from "./measure.ts";

const benches: Record<string, () => Promise<{ run(): Promise<string> }>> = {
  engine: () => import("./engine.ts"),
  processor: () => import("./processor.ts"),
  throughput: () => import("./throughput.ts"),
  peers: () => import("./peers.ts"),
  quality: () => import("./quality.ts"),
  heic: () => import("./heic.ts"),
  lifetime: () => import("./lifetime.ts"),
  api: () => import("./api.ts"),
  webhooks: () => import("./webhooks.ts"),
  gallery: () => import("./gallery.ts"),
  lighthouse: () => import("./lighthouse.ts"),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { save: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
});
if (values.help) {
  console.log(`Usage: npm run bench -- [--save] [${Object.keys(benches).join(" | ")}]...`);
  process.exit();
}
// Lighthouse runs by name only: it is downloaded from npm.
const names =
  positionals.length > 0 ? positionals : Object.keys(benches).filter((name) => name !== "lighthouse");
for (const name of names) {
  const bench = benches[name];
  if (!bench) throw new Error(`Unknown benchmark ${name}. Known: ${Object.keys(benches).join(", ")}.`);
  const { run } = await bench();
  const text = `${machine()}\n\n${await run()}\n`;
  console.log(`## ${name}\n\n${text}`);
  if (values.save) save(name, text);
}

/** Replaces a benchmark's section in `results.md`. Sections of benchmarks that no longer exist stay at the end. */
function save(name: string, text: string): void {
  const file = new URL("results.md", import.meta.url);
  const [head = "", ...sections] = readFileSync(file, "utf8").split(/^(?=## )/m);
  const kept = sections.filter((section) => !section.startsWith(`## ${name}\n`));
  const order = Object.keys(benches);
  const rank = (section: string) => {
    const index = order.indexOf(/^## (\S+)/.exec(section)?.[1] ?? "");
    return index < 0 ? order.length : index;
  };
  const all = [...kept, `## ${name}\n\n${text}\n`].sort((a, b) => rank(a) - rank(b));
  writeFileSync(file, `${[head.trim(), ...all.map((section) => section.trim())].join("\n\n")}\n`);
}
