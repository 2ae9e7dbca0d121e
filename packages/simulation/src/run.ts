/** `npm run prove`: the suites that show that no upload is lost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { crowd } from "./commands.ts";
import { profiles } from "./faults.ts";
import { openSimulation, type Simulation } from "./simulation.ts";

/** A suite prints what it did and returns whether it found no fault. */
type Suite = (dataDir: string) => Promise<boolean>;

const program = new Command("npm run prove --")
  .description("Deterministic simulation, kills and load over the real code (docs/reliability.md).")
  .addHelpText(
    "after",
    "\nWithout a command: the long tests, every scenario, every mutant and 500 random schedules.",
  )
  .showHelpAfterError();

/** The shares of the profiles among up to 50,000 schedules. */
const mix = [
  ["calm", 0.2],
  ["rough", 0.4],
  ["storm", 0.4],
] as const;

const seedOption = () =>
  new Option("--seed <n>", "seed of the random numbers").argParser(integer).default(Date.now() % 1_000_000);

program
  .command("schedules")
  .description("random schedules of events, workers, requests and faults")
  .option("--runs <n>", "schedules to play", integer, 2_000)
  .addOption(seedOption())
  .addOption(
    new Option("--profile <name>", "one fault profile instead of all").choices(mix.map(([name]) => name)),
  )
  .option("--path <path>", "replays one failing world of a seed and a profile")
  .action((options: ScheduleOptions) => run(simulated((simulation) => schedules(simulation, options))));

program
  .command("scenarios")
  .description("one scenario for each rule, with the rule and without it")
  .option("--mutant <name>", "one mutant alone")
  .action(({ mutant }: { mutant?: string }) => run(simulated((simulation) => scenarios(simulation, mutant))));

program
  .command("storm")
  .description("one crowded schedule that writes each key once")
  .option("--uploads <n>", "uploads", integer, 1_000)
  .addOption(seedOption())
  .action(({ uploads, seed }: { uploads: number; seed: number }) =>
    run(simulated((simulation) => crowded(simulation, { seed, keys: uploads, acts: uploads, removals: 0 }))),
  );

program
  .command("races")
  .description("one crowded schedule that writes or removes each key ten times")
  .option("--keys <n>", "keys", integer, 100)
  .addOption(seedOption())
  .action(({ keys, seed }: { keys: number; seed: number }) =>
    run(simulated((simulation) => crowded(simulation, { seed, keys, acts: keys * 10, removals: 0.3 }))),
  );

program
  .command("kills")
  .description("SIGKILL at the calls that a real server makes to disk and network")
  .option("--every <n>", "kills at every n-th call", integer, 25)
  .option("--rounds <n>", "rounds, each from another first call", integer, 1)
  .action((options: { every: number; rounds: number }) => run((dataDir) => kills(dataDir, options)));

program
  .command("repeats")
  .description("requests repeated under their idempotency keys to a real server that is killed")
  .option("--uploads <n>", "uploads", integer, 400)
  .addOption(seedOption())
  .action((options: { uploads: number; seed: number }) => run((dataDir) => repeats(dataDir, options)));

program
  .command("fairness")
  .description("one upload next to a backlog of another owner")
  .option("--backlog <n>", "uploads of the other owner", integer, 5_000)
  .action((options: { backlog: number }) => run((dataDir) => fairness(dataDir, options)));

program
  .command("soak")
  .description("a real server under a steady load: memory, descriptors, late images")
  .option("--minutes <n>", "duration", integer, 10)
  .option("--per-second <n>", "images per second", Number, 2)
  .action((options: { minutes: number; perSecond: number }) => run((dataDir) => soak(dataDir, options)));

program
  .command("tests")
  .description("the long tests that npm test leaves out (*.prove.ts)")
  .action(() => run(longTests));

const scenariosAndSchedules = simulated(async (simulation) => {
  const sound = await scenarios(simulation);
  return (await schedules(simulation, { runs: 500, seed: Date.now() % 1_000_000 })) && sound;
});

program.command("all", { isDefault: true, hidden: true }).action(() =>
  run(async (dataDir) => {
    const passed = await longTests();
    return (await scenariosAndSchedules(dataDir)) && passed;
  }),
);

// The product logs every injected fault.
process.env.POWERTOOLS_LOG_LEVEL ??= "SILENT";
await program.parseAsync();

/** Runs a suite over an empty folder, prints its cost and exits with 1 if it found a fault. */
async function run(suite: Suite): Promise<never> {
  const dataDir = await mkdtemp(join(tmpdir(), "prove-"));
  const started = performance.now();
  let sound = false;
  try {
    sound = await suite(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
  const { user, system } = process.cpuUsage();
  console.log(`${seconds(performance.now() - started)}, ${seconds((user + system) / 1000)} of CPU.`);
  process.exit(sound ? 0 : 1);
}

function simulated(play: (simulation: Simulation) => Promise<boolean>): Suite {
  return async (dataDir) => {
    const simulation = await openSimulation(dataDir);
    const sound = await play(simulation);
    const counts = [...simulation.counts].sort().map(([what, times]) => `${what}: ${times}`);
    console.log(counts.join(", "));
    await simulation.close();
    return sound;
  };
}

/** Runs the vitest project of long tests. */
async function longTests(): Promise<boolean> {
  const env = { ...process.env, PROVE: "1" };
  const vitest = spawn("npx", ["vitest", "run", "--project", "proofs"], { stdio: "inherit", env });
  const [code] = await once(vitest, "exit");
  return code === 0;
}

type ScheduleOptions = { runs: number; seed: number; profile?: string; path?: string };

async function schedules(
  simulation: Simulation,
  { runs, seed, profile: only, path }: ScheduleOptions,
): Promise<boolean> {
  const { playSchedules } = await import("./schedules.ts");
  for (const [name, share] of mix) {
    if (only && name !== only) continue;
    const total = only ? runs : Math.round(runs * share);
    console.log(`${total} ${name} schedules, seed ${seed}`);
    const onProgress = progress(`${name} schedules`, total);
    const failure = await playSchedules(simulation, {
      profile: profiles[name],
      runs: total,
      seed,
      path,
      onProgress,
    });
    if (!failure) continue;
    const { violation, schedule } = failure;
    console.error(`${violation}\n${schedule}`);
    console.error(`Replay it with: schedules --profile ${name} --seed ${seed} --path ${failure.path}`);
    return false;
  }
  return true;
}

async function scenarios(simulation: Simulation, mutant?: string): Promise<boolean> {
  const { playMutant, playScenario, scenarios } = await import("./scenarios/scenarios.ts");
  const chosen = Object.entries(scenarios).filter(([name]) => mutant === undefined || name === mutant);
  if (chosen.length === 0)
    throw new Error(`There is no mutant ${mutant}. The mutants are ${Object.keys(scenarios).join(", ")}.`);
  let sound = true;
  for (const [name, scenario] of chosen) {
    const violation = await playScenario(simulation, scenario);
    const noticed = await playMutant(simulation, scenario);
    if (violation || !noticed) sound = false;
    console.log(`${violation ? `✗ ${scenario.title}: ${violation}` : `✓ ${scenario.title}`}`);
    console.log(`${noticed ? `  ✓ ${name}: ${noticed}` : `  ✗ ${name} survives: without ${scenario.rule}`}`);
  }
  return sound;
}

async function crowded(simulation: Simulation, size: Parameters<typeof crowd>[0]): Promise<boolean> {
  console.log(`${size.acts} acts on ${size.keys} keys, seed ${size.seed}`);
  try {
    await simulation.play(profiles.crowd, [crowd(size, progress("acts", size.acts))], { leave: true });
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

async function kills(dataDir: string, options: { every: number; rounds: number }): Promise<boolean> {
  const { playKills } = await import("./kills.ts");
  const result = await playKills({ dataDir, ...options, print: console.log });
  console.log(`${result.kills} kills, ${result.images} images, ${result.violations.length} violations`);
  for (const violation of result.violations) console.error(violation);
  return result.violations.length === 0;
}

async function fairness(dataDir: string, options: { backlog: number }): Promise<boolean> {
  const { playFairness } = await import("./fairness.ts");
  const { alone, crowded } = await playFairness(dataDir, options);
  console.log(
    `${alone} rounds alone, at most ${crowded} next to ${options.backlog} uploads of another owner`,
  );
  return crowded <= 2 * alone;
}

async function repeats(dataDir: string, options: { uploads: number; seed: number }): Promise<boolean> {
  const { playRepeats } = await import("./repeats.ts");
  console.log(`${options.uploads} uploads, seed ${options.seed}`);
  const { kills, repetitions, twice, lost } = await playRepeats({ dataDir, ...options, print: console.log });
  console.log(
    `${kills} kills, ${repetitions} repetitions, ${twice} keys with two images, ${lost} answered images lost`,
  );
  return twice + lost === 0;
}

async function soak(dataDir: string, options: { minutes: number; perSecond: number }): Promise<boolean> {
  const { playSoak } = await import("./soak.ts");
  const { uploads, failed, late, slopeMB, descriptors } = await playSoak({
    dataDir,
    ...options,
    print: console.log,
  });
  console.log(
    `${uploads} uploads, ${failed} failed, ${late} not ready within 20 s; memory grows by ${slopeMB.toFixed(1)} MB an hour; ` +
      `descriptors from ${descriptors[0]} to ${descriptors.at(-1)}`,
  );
  return failed + late === 0;
}

/** Prints to standard error how far a suite is, at most every ten seconds. */
function progress(what: string, total: number): (played: number) => void {
  let printed = performance.now();
  return (played) => {
    if (performance.now() - printed < 10_000) return;
    printed = performance.now();
    console.error(`${played} of ${total} ${what}`);
  };
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("Give a whole number above 0.");
  return value;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
