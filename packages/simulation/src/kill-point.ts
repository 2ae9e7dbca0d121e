/**
 * Preloaded (`--import`) into the server and its child processes: kills the server with SIGKILL just before one of them
 * makes its n-th call to disk or network. Counting begins when the file `KILL_ORDER` appears, which names the role and
 * the call: `server 7`, `processor 3`.
 */
import { readFileSync } from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { runAhead } from "./process.ts";

const { KILL_ORDER: order = "", CLOCK_AHEAD_MS: aheadMs = "0" } = process.env;
const role = process.env.AWS_LAMBDA_FUNCTION_NAME ?? "server";
let calls = 0;

runAhead(() => Number(aheadMs));

// Node dates responses by the machine's clock, by which the SDK would correct its own.
Object.defineProperty(http.ServerResponse.prototype, "sendDate", { get: () => false, set: () => {} });

// The server does not outlive the suite, even if that is killed.
if (role === "server") {
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.exit(), 500).unref();
}

const handle = await promises.open(import.meta.filename);
instrument(Object.getPrototypeOf(handle) as FileHandle, ["writev", "writeFile", "sync"]);
await handle.close();
instrument(promises, ["open", "rename", "unlink", "rm", "mkdir", "writeFile"]);
instrument(http.ServerResponse.prototype, ["end"]);
instrument(http.ClientRequest.prototype, ["end"]);
instrument(globalThis, ["fetch"]);
syncBuiltinESMExports();

function instrument<T extends object>(owner: T, names: readonly (keyof T & string)[]) {
  for (const name of names) {
    const real = owner[name] as (...given: unknown[]) => unknown;
    const counted = function (this: unknown, ...given: unknown[]) {
      maybeKill();
      return real.apply(this, given);
    };
    Object.defineProperty(owner, name, { value: counted, writable: true, configurable: true });
  }
}

function maybeKill() {
  const [ordered, at] = readOrder();
  if (ordered !== role || ++calls < Number(at)) return;
  if (role !== "server") process.kill(process.ppid, "SIGKILL");
  process.kill(process.pid, "SIGKILL");
}

function readOrder(): string[] {
  try {
    return readFileSync(order, "utf8").split(" ");
  } catch {
    return []; // The file does not exist yet.
  }
}
