/** Processes that end with this one. */
import { type ChildProcess, spawn } from "node:child_process";

/** Milliseconds between two checks that npm, which started this process, still runs. */
const parentEveryMs = 500;

/** One Ctrl-C in a terminal can reach this process twice, once through npm: signals so close together are one. */
const echoMs = 300;

const children = new Set<ChildProcess>();

/** The environment of the user, before the settings of `.env` are read. */
const environment = { ...process.env };

/** Folder in which the user ran npm. */
const userFolder = environment.INIT_CWD ?? process.cwd();

/** Options of `start`. `isSilent` hides stdout. */
export type Options = { env?: Record<string, string>; cwd?: string; isSilent?: boolean };

/** Starts a Node program in the folder of the user, or in `cwd`. */
export function start(args: readonly string[], options: Options = {}): ChildProcess {
  const { env, cwd = userFolder, isSilent = false } = options;
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ["inherit", isSilent ? "ignore" : "inherit", "inherit"],
  });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** Resolves with the exit code of a process, or with 0 if `stop` ended it. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGTERM" ? 0 : 1)));
  });
}

/** Ends all processes. */
export function stop(signal: NodeJS.Signals = "SIGTERM"): void {
  for (const child of children) child.kill(signal);
}

/** Ends all processes and then this one, on a signal or when npm has ended. A second signal ends them at once. */
export function stopOnSignal(): void {
  let first: number | undefined;
  const onSignal = () => {
    if (first !== undefined && Date.now() - first > echoMs) {
      stop("SIGKILL");
      process.exit(130);
    }
    if (first !== undefined) return;
    first = Date.now();
    const all = [...children].map(ended);
    stop();
    void Promise.allSettled(all).then(() => process.exit(0));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // npm forwards SIGTERM to the shell between, which ends without forwarding it.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || onSignal(), parentEveryMs).unref();
}
