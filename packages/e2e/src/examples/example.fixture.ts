/** `npm run example` as a process, and a website that it serves. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const root = join(import.meta.dirname, "../../../..");
const children = new Set<ChildProcess>();

afterAll(async () => {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all([...children].map((child) => child.exitCode ?? once(child, "exit")));
});

/** A command that runs. `printed` returns its output so far, `until` waits for a part of it, `over` for its end. */
export type Command = {
  child: ChildProcess;
  printed(): string;
  until(part: RegExp): Promise<RegExpExecArray>;
  over: Promise<{ code: number | null; printed: string }>;
};

/** Starts `npm run example` without npm, with these settings. */
export function example(args: readonly string[], settings: Record<string, string> = {}): Command {
  const { PATH = "", HOME = "" } = process.env;
  return launch([join(root, "examples/run.ts"), ...args], { PATH, HOME, ...settings }, tmpdir());
}

/** Starts a Node program. The end of the test file ends it. */
export function launch(args: readonly string[], env: Record<string, string>, cwd: string): Command {
  const child = spawn(process.execPath, args, { cwd, env });
  children.add(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  const over = once(child, "close").then(([code]) => {
    children.delete(child);
    return { code, printed: text };
  });
  return {
    child,
    over,
    printed: () => text,
    async until(part) {
      for (;;) {
        const found = part.exec(text);
        if (found) return found;
        if (child.exitCode !== null) throw new Error(`It ended before ${part}:\n${text}`);
        await Promise.race([once(child.stdout, "data"), once(child.stderr, "data"), over]);
      }
    },
  };
}

/** Listens on a free port of this machine. */
export async function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

/** Returns a port that is free. */
export async function freePort(): Promise<string> {
  const { server, port } = await listen();
  server.close();
  await once(server, "close");
  return String(port);
}
