/** `npm run example -- NAME`: runs an example with the packages of this repository, against the local stack. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Example, ExampleError, install, listExamples } from "./install.ts";
import { ended, start, stop, stopOnSignal } from "./processes.ts";
import { isTaken, type Stack, startStack, untilUp } from "./stack.ts";

const usage = "Usage: npm run example -- NAME [--port 4000] [arguments of the example]";

stopOnSignal();
try {
  await main();
} catch (error) {
  console.error(error instanceof ExampleError ? error.message : error);
  process.exitCode = 1;
} finally {
  stop();
}

async function main(): Promise<void> {
  const { name, port, args } = readArguments();
  const examples = await listExamples();
  if (name === undefined) {
    console.log(`${usage}\n`);
    for (const one of examples) console.log(`  ${one.name.padEnd(12)} ${one.description}`);
    return;
  }
  const example = examples.find((one) => one.name === name);
  if (!example) {
    const names = examples.map((one) => one.name).join(", ");
    throw new ExampleError(`Example ${JSON.stringify(name)} not found. The examples are ${names}.`);
  }
  if (example.scripts.dev && (await isTaken(port)))
    throw new ExampleError(
      `Port ${port} is in use. Choose another: npm run example -- ${name} --port ${port + 1}`,
    );
  console.log(`Installing examples/${name}. The first time, this can take a minute.`);
  await install(example, example.folder);
  const stack = await startStack();
  await (example.scripts.dev ? serve(example, stack, port, args) : runScript(example, stack, args));
}

/** Reads the command line. Throws an `ExampleError` for options that do not exist. */
function readArguments(): { name?: string; port: number; args: string[] } {
  try {
    const options = { port: { type: "string", default: "4000" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [name, ...args] = positionals;
    return { name, port: Number(values.port), args };
  } catch (error) {
    throw new ExampleError(`${error instanceof Error ? error.message : error}\n${usage}`, { cause: error });
  }
}

/** Environment variables from which the examples read the URL of the API, each under the name that its tool passes on. */
function environmentOf({ url }: Stack): Record<string, string> {
  return {
    IMAGES_URL: url,
    VITE_IMAGES_URL: url,
    EXPO_PUBLIC_IMAGES_URL: url,
    NEXT_TELEMETRY_DISABLED: "1",
    EXPO_NO_TELEMETRY: "1",
  };
}

/** Runs the development server of an example, until it ends. */
async function serve(
  { folder, scripts, dependencies }: Example,
  stack: Stack,
  port: number,
  args: readonly string[],
): Promise<void> {
  const [program = "", ...options] = scripts.dev?.split(" ") ?? [];
  const bin = await realpath(join(folder, "node_modules/.bin", program));
  // Expo prints a QR code and reads keys.
  const isSilent = !("expo" in dependencies);
  const command = [bin, ...options, "--port", String(port), ...args];
  const server = start(command, { env: environmentOf(stack), cwd: folder, isSilent });
  const over = ended(server);
  if (isSilent) {
    await untilUp(server, () => isTaken(port), scripts.dev ?? "");
    console.log(`\nOpen http://localhost:${port}\nCtrl-C ends it.`);
  }
  process.exitCode = await over;
}

/** Runs the script of an example. Afterwards the local stack, if it was started for it, serves the images until Ctrl-C. */
async function runScript({ folder, main }: Example, stack: Stack, args: readonly string[]): Promise<void> {
  const script = start([join(folder, main ?? "index.ts"), ...args], { env: environmentOf(stack) });
  process.exitCode = await ended(script);
  if (process.exitCode !== 0 || !stack.process) return;
  console.log(`The local stack serves the images until Ctrl-C.`);
  await ended(stack.process);
}
