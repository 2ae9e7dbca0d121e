/** Runs a suite as `npm run prove` does: in a process of its own, because each takes over the clock and the clients. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How it ended and everything that it said. */
export type Ended = { code: number | null; output: string };

/** Runs `prove.ts` with these arguments to its end. */
export async function prove(...given: string[]): Promise<Ended> {
  const file = fileURLToPath(new URL("./prove.ts", import.meta.url));
  const child = spawn(process.execPath, [file, ...given], { env: plainEnvironment() });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
    });
  }
  child.on("close", resolve);
  return { code: await promise, output };
}

/** Without what the test runner tells its own processes of resources that these do not have. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(SST_|AWS_|VITEST|NODE_OPTIONS)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
