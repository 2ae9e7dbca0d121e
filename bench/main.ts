/**
 * `npm run bench` takes every figure; `npm run bench -- engine` one of them; `--save` keeps them in `results.md`.
 * Each figure is a ratio taken within one run: on a shared machine nothing else can be trusted.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machine } from "./measure.ts";

const benches: Record<string, () => Promise<{ run(): Promise<string> }>> = {
  engine: () => import("./engine.ts"),
  processor: () => import("./processor.ts"),
  throughput: () => import("./throughput.ts"),
  peers: () => import("./peers.ts"),
  thumbnail: () => import("./thumbnail.ts"),
  quality: () => import("./quality.ts"),
  memory: () => import("./memory.ts"),
  heic: () => import("./heic.ts"),
  lifetime: () => import("./lifetime.ts"),
  api: () => import("./api.ts"),
  gallery: () => import("./gallery.ts"),
  lighthouse: () => import("./lighthouse.ts"),
  endless: () => import("./endless.ts"),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { save: { type: "boolean", default: false } },
});
// By name alone: one is fetched from npm, the other takes minutes to fill its table.
const usual = Object.keys(benches).filter((name) => name !== "lighthouse" && name !== "endless");
const names = positionals.length > 0 ? positionals : usual;
for (const name of names) {
  const bench = benches[name];
  if (!bench)
    throw new Error(`There is no benchmark ${name}. There are: ${Object.keys(benches).join(", ")}.`);
  const { run } = await bench();
  const text = `${machine()}\n\n${await run()}\n`;
  console.log(`## ${name}\n\n${text}`);
  if (values.save) save(name, text);
}

/** Puts a benchmark's figures in the place of its older ones. */
function save(name: string, text: string): void {
  const file = new URL("results.md", import.meta.url);
  const [head = "", ...sections] = readFileSync(file, "utf8").split(/^(?=## )/m);
  const kept = sections.filter((section) => !section.startsWith(`## ${name}\n`));
  const order = Object.keys(benches);
  const all = [...kept, `## ${name}\n\n${text}\n`].sort(
    (a, b) => order.indexOf(titleOf(a)) - order.indexOf(titleOf(b)),
  );
  writeFileSync(file, `${[head.trim(), ...all.map((section) => section.trim())].join("\n\n")}\n`);
}

function titleOf(section: string): string {
  return /^## (\S+)/.exec(section)?.[1] ?? "";
}
