/** The Kotlin library in a separate JVM: built by Maven, driven by the commands of its `Phone.kt`. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { writeReadme } from "./readme.fixture.ts";

const library = join(import.meta.dirname, "../../../../clients/kotlin");
const run = promisify(execFile);
const flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** One JSON object that the phone printed. */
export type Line = Record<string, string | null>;

/** Builds the library, compiles its README, runs its own tests, and returns the class path of the phone. */
export async function build(): Promise<string> {
  await writeReadme(library);
  const goals = ["test", "dependency:build-classpath", "--activate-profiles", "readme"];
  const options = ["-Dmdep.outputFile=target/classpath", "-Dmdep.excludeScope=system"];
  const { stdout } = await run("mvn", ["--batch-mode", "--no-transfer-progress", ...goals, ...options], {
    cwd: library,
    maxBuffer: 1e8,
    // A JVM that lives for seconds spends most of its time in the optimizing compiler otherwise.
    env: { ...process.env, MAVEN_OPTS: flags.join(" ") },
  }).catch((error: { stdout?: string }) => {
    throw new Error(`mvn failed:\n${error.stdout?.slice(-4000)}`);
  });
  if (!/Tests run: \d+, Failures: 0/.test(stdout))
    throw new Error(`mvn ran no test:\n${stdout.slice(-4000)}`);
  const others = await readFile(join(library, "target/classpath"), "utf8");
  return [join(library, "target/classes"), join(library, "target/test-classes"), others].join(":");
}

/** A running phone. `ask` sends one command and returns its lines; they end early if the process halts. */
export type Phone = { ask: (command: string) => Promise<Line[]>; stop: () => Promise<void> };

/** Starts a phone. `properties` are system properties of the JVM. */
export function startPhone(classpath: string, properties: Record<string, string | number> = {}): Phone {
  const defines = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const args = [...flags, "-Xmx96m", ...defines, "-cp", classpath, "imagepipeline.PhoneKt"];
  const child: ChildProcess = spawn("java", args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  if (!child.stdout || !child.stdin) throw new Error("The phone has no pipes.");
  const { stdin } = child;
  // A command that the process no longer reads, because it halted.
  stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(command) {
      stdin.write(`${command}\n`);
      const seen: Line[] = [];
      for (;;) {
        const { value, done } = await lines.next();
        if (done) return seen;
        const line = JSON.parse(value) as Line;
        if (line.done) return seen;
        seen.push(line);
      }
    },
    async stop() {
      stdin.end();
      await ended;
    },
  };
}
