/** The API's bundle, as SST would upload it: bytes and import time of each dependency. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { pathToFileURL } from "node:url";
import { evaluate } from "../infra/test/graph.ts";
import { ensureInstalled } from "../infra/test/install.ts";
import { bundleFunction, packageOf } from "../infra/test/lambda-bundle.ts";
import { bundle } from "../infra/test/platform.ts";
import { stages } from "../infra/test/stages.ts";
import { median, table } from "./measure.ts";

/** Imports of the bundle, each in its own process. */
const runs = 9;

/** Compilation of the file and garbage collection. */
const engine = "V8";

/** Smaller dependencies are listed as one. */
const shownFrom = { kB: 4, ms: 0.5 };

/** The table of dependencies. Before it, the environment must be a function's (`enter`). */
export async function bundleReport(): Promise<string> {
  ensureInstalled();
  await bundle("product");
  const { builds } = await evaluate(stages.production);
  const build = builds.find(({ functionID }) => functionID === "Api");
  if (!build) throw new Error("The production stage has no function Api.");
  const { file, bytes, packages } = await bundleFunction(build);
  const map = new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  const profiles = Array.from({ length: runs }, () => profileOf(file, map));
  const names = new Set([...packages.keys(), ...profiles.flatMap((profile) => [...profile.keys()])]);
  const rows = [...names].map((name) => ({
    name,
    kB: (packages.get(name) ?? 0) / 1000,
    ms: median(profiles.map((profile) => profile.get(name) ?? 0)),
  }));
  const isShown = ({ kB, ms }: { kB: number; ms: number }) => kB >= shownFrom.kB || ms >= shownFrom.ms;
  const small = rows.filter((row) => !isShown(row));
  const sum = (some: typeof rows, of: "kB" | "ms") => some.reduce((all, row) => all + row[of], 0);
  return table(
    ["dependency", "KB, minified", "ms to import"],
    [
      ...rows.filter(isShown).sort((a, b) => b.kB - a.kB),
      { name: `${small.length} smaller ones`, kB: sum(small, "kB"), ms: sum(small, "ms") },
      { name: "all", kB: bytes / 1000, ms: sum(rows, "ms") },
    ].map(({ name, kB, ms }) => [name, kB.toFixed(1), ms.toFixed(1)]),
  );
}

type Profile = {
  nodes: { id: number; children?: number[]; callFrame: Frame }[];
  samples: number[];
  timeDeltas: number[];
};
type Frame = { functionName: string; url: string; lineNumber: number; columnNumber: number };

/** Imports the file in its first argument under a sampling profiler, and prints the profile. */
const script = `
  import { Session } from "node:inspector/promises";
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 100 });
  await session.post("Profiler.start");
  await import(process.argv[1]);
  const { profile } = await session.post("Profiler.stop");
  process.stdout.write(JSON.stringify(profile));`;

/** Imports a bundle in a new process; milliseconds by package, the own time of their functions. */
function profileOf(file: string, map: SourceMap): Map<string, number> {
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", script, file], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return timesOf(JSON.parse(output), pathToFileURL(file).href, map);
}

function timesOf({ nodes, samples, timeDeltas }: Profile, url: string, map: SourceMap): Map<string, number> {
  const byID = new Map(nodes.map((node) => [node.id, node]));
  const owners = new Map<number, string>();
  // A function of Node's own counts for the package that called it.
  const assign = (id: number, caller: string) => {
    const node = byID.get(id);
    if (!node) return;
    const { callFrame, children = [] } = node;
    const owner = callFrame.url === url ? ownerOf(callFrame, map) : caller;
    owners.set(id, owner);
    for (const child of children) assign(child, owner);
  };
  const [root] = nodes;
  if (root) assign(root.id, engine);
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    if (byID.get(id)?.callFrame.functionName === "(idle)") continue;
    const owner = owners.get(id) ?? engine;
    times.set(owner, (times.get(owner) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  }
  return times;
}

function ownerOf({ lineNumber, columnNumber }: Frame, map: SourceMap): string {
  const entry = map.findEntry(lineNumber, columnNumber);
  return "originalSource" in entry ? packageOf(entry.originalSource.replace(/^(\.\.\/)+/, "")) : engine;
}
