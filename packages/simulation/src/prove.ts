/** `npm run prove -- <suite>`: the long versions of the suites that show that nothing is lost. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { mutants, mutate } from "./mutants.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "50000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    weather: { type: "string", default: "rough" },
    path: { type: "string" },
    mutant: { type: "string" },
    uploads: { type: "string", default: "10000" },
    minutes: { type: "string", default: "10" },
    "per-second": { type: "string", default: "2" },
    keys: { type: "string", default: "1000" },
    every: { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
  },
});

const { mutant } = values;

/** Between two lines that say how far a suite is. */
const progressMs = 30_000;

/** Each says whether all went well. */
const suites: Record<string, (dataDir: string) => Promise<boolean>> = {
  model,
  stories,
  kills,
  storm,
  races,
  soak,
};

// The functions' own log would drown the result; they are told to fail all the time.
process.env.POWERTOOLS_LOG_LEVEL ??= "SILENT";
const [name = ""] = positionals;
const suite = suites[name];
if (!suite) {
  console.error(`Name a suite: ${Object.keys(suites).join(", ")}.`);
  process.exit(2);
}
const dataDir = await mkdtemp(join(tmpdir(), "prove-"));
const started = performance.now();
try {
  process.exitCode = (await suite(dataDir)) ? 0 : 1;
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
const { user, system } = process.cpuUsage();
console.log(`${seconds(performance.now() - started)}, ${seconds((user + system) / 1000)} of CPU.`);
process.exit();

async function model(dataDir: string): Promise<boolean> {
  const { runs, seed, path } = values;
  takeMutant();
  const { playModel, weathers } = await import("./model.ts");
  const weather = Object.entries(weathers).find(([name]) => name === values.weather)?.[1];
  if (!weather) throw new Error(`The weather is ${Object.keys(weathers).join(", ")}.`);
  const { counts, wrong, schedule } = await playModel({
    dataDir,
    weather,
    runs: Number(runs),
    seed: Number(seed),
    path,
    shrink: !mutant && !path,
    onProgress: progress("schedules", Number(runs)),
  });
  tell(counts);
  if (!wrong) return true;
  console.error(`${wrong}\nReplay with --weather ${values.weather} ${schedule}`);
  return false;
}

/** All of them on the real code; only its own on a mutant. */
async function stories(dataDir: string): Promise<boolean> {
  takeMutant();
  const { stories } = await import("./stories.ts");
  const { openTheatre } = await import("./theatre.ts");
  const theatre = await openTheatre(dataDir);
  let well = true;
  for (const [name, { title, weather, fates = [[0]], play }] of Object.entries(stories)) {
    if (mutant !== undefined && name !== mutant) continue;
    try {
      await theatre.play(weather, [{ fates, skews: [0], act: play }]);
      console.log(`✓ ${title}`);
    } catch (error) {
      well = false;
      console.log(`✗ ${title}: ${error instanceof Error ? error.message : error}`);
    }
  }
  await theatre.close();
  return well;
}

async function storm(dataDir: string): Promise<boolean> {
  const uploads = Number(values.uploads);
  return await crowd({ dataDir, keys: uploads, acts: uploads, removals: 0 });
}

async function races(dataDir: string): Promise<boolean> {
  const keys = Number(values.keys);
  return await crowd({ dataDir, keys, acts: keys * 10, removals: 0.3 });
}

async function crowd(size: {
  dataDir: string;
  keys: number;
  acts: number;
  removals: number;
}): Promise<boolean> {
  const { playCrowd } = await import("./crowd.ts");
  const seed = Number(values.seed);
  try {
    tell(await playCrowd({ ...size, seed, onProgress: progress("acts", size.acts) }));
    return true;
  } catch (error) {
    console.error(`Seed ${seed}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

async function soak(dataDir: string): Promise<boolean> {
  const { playSoak } = await import("./soak.ts");
  const { minutes, "per-second": perSecond } = values;
  const result = await playSoak({
    dataDir,
    minutes: Number(minutes),
    perSecond: Number(perSecond),
    tell: console.log,
  });
  const { uploads, failed, stuck, slopeMB, descriptors } = result;
  console.log(
    `${uploads} uploads, ${failed} failed, ${stuck} not ready in 20 s; ${slopeMB.toFixed(1)} MB more an hour; ` +
      `descriptors from ${descriptors[0]} to ${descriptors.at(-1)}`,
  );
  return failed + stuck === 0;
}

async function kills(dataDir: string): Promise<boolean> {
  const { playKills } = await import("./kills.ts");
  const { every, rounds } = values;
  const result = await playKills({
    dataDir,
    every: Number(every),
    rounds: Number(rounds),
    tell: console.log,
  });
  console.log(`${result.kills} kills, ${result.images} images, ${result.wrong.length} faults`);
  for (const what of result.wrong) console.error(what);
  return result.wrong.length === 0;
}

function takeMutant(): void {
  if (mutant === undefined) return;
  const changed = mutants[mutant];
  if (!changed) throw new Error(`The mutants are ${Object.keys(mutants).join(", ")}.`);
  mutate(changed);
}

/** Says on standard error how far a suite is, every now and then. */
function progress(what: string, total: number): (played: number) => void {
  let told = performance.now();
  return (played) => {
    if (performance.now() - told < progressMs) return;
    told = performance.now();
    console.error(`${played} of ${total} ${what}`);
  };
}

function tell(counts: ReadonlyMap<string, number>): void {
  console.log(
    [...counts]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join(", "),
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
