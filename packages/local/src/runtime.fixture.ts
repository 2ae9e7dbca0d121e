/** A handler whose event selects its behaviour, for the tests of the runtime. */
import { spawnSync } from "node:child_process";
import type { Context } from "aws-lambda";

export type Deed =
  | { do: "echo"; value: unknown }
  | { do: "tell" }
  | { do: "wait"; ms: number }
  | { do: "throw"; message: string }
  | { do: "exit"; code: number }
  | { do: "forget to await" }
  | { do: "hang" }
  | { do: "spin" }
  | { do: "eat"; MB: number; stuck?: boolean }
  | { do: "keep"; MB: number };

const kept: Buffer[] = [];

export async function handler(deed: Deed, context: Context): Promise<unknown> {
  switch (deed.do) {
    case "echo":
      return deed.value;
    case "tell":
      return {
        pid: process.pid,
        name: context.functionName,
        arn: context.invokedFunctionArn,
        requestID: context.awsRequestId,
        remainingMs: context.getRemainingTimeInMillis(),
        environment: [process.env.AWS_LAMBDA_FUNCTION_NAME, process.env.MALLOC_ARENA_MAX, process.env.GIVEN],
      };
    case "wait":
      return await new Promise((done) => setTimeout(done, deed.ms, process.pid));
    case "throw":
      throw new TypeError(deed.message);
    case "exit":
      return process.exit(deed.code);
    case "forget to await":
      void Promise.reject(new Error("not awaited"));
      return await new Promise(() => {});
    case "hang":
      console.log("hanging");
      return await new Promise(() => {});
    case "spin":
      console.log("spinning");
      for (;;);
    case "eat":
      for (let eaten = 0; eaten < deed.MB; eaten += 20) {
        kept.push(Buffer.alloc(20 * 2 ** 20, 1));
        // A pause after each piece lets the watchdog run; with `stuck` the event loop is blocked meanwhile.
        if (deed.stuck) spawnSync("sleep", ["0.02"]);
        else await new Promise((done) => setTimeout(done, 20));
      }
      return "ate it all";
    case "keep":
      kept.push(Buffer.alloc(deed.MB * 2 ** 20, 1));
      return process.pid;
  }
}
