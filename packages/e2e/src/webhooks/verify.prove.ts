/** Deliveries of the running product, verified by the reference libraries of Standard Webhooks in Python and Go. */
import { type ExecFileOptions, execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { type Receiver, startReceiver } from "./receiver.fixture.ts";

const timeout = 300_000;

/** A message as a program verifies it, and what it must say. */
type Case = { about: string; secret: string; headers: Record<string, string>; body: string; ok: boolean };

let cloud: TestCloud;
let receiver: Receiver;
let folder: string;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, egressLoopback: true });
  receiver = await startReceiver();
  folder = await mkdtemp(join(tmpdir(), "webhooks-"));
}, timeout);

afterAll(async () => {
  await receiver?.stop();
  await cloud?.stop();
  if (folder) await rm(folder, { recursive: true });
});

async function ask(method: string, path: string, json?: object) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(cloud.url + path, { method, headers, body: json && JSON.stringify(json) });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response.json();
}

/** Returns new deliveries, of each kind of event that this takes seconds for, and forgeries of the last one. */
async function deliver(): Promise<Case[]> {
  const start = receiver.received.length;
  const events = ["image.ready", "image.rejected", "image.updated", "image.deleted"];
  const { id, secret } = await ask("POST", "/webhooks", { url: receiver.url, events });
  try {
    const form = new FormData();
    form.set("file", new File([await readFile("docs/sample.jpg")], "Ø 画像.jpg", { type: "image/jpeg" }));
    form.set("title", "Émile 👩‍👩‍👧 </script>");
    // Processes that had read the endpoints before keep them for ten seconds: each round may begin without it.
    await expect
      .poll(
        async () => {
          await fetch(`${cloud.url}/images`, { method: "POST", body: form });
          await cloud.settled();
          return receiver.received.length;
        },
        { timeout: 60_000, interval: 3_000 },
      )
      .toBeGreaterThan(start);
    const { secret: second } = await ask("POST", `/webhooks/${id}/rotate`);
    const before = receiver.received.length;
    await ask("POST", `/webhooks/${id}/test`);
    await receiver.until(before + 1);
    const received = receiver.received.slice(start).map(({ headers, body }) => ({
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      body,
    }));
    const last = received.at(-1);
    if (!last) throw new Error("Nothing was received.");
    const { headers, body } = last;
    const old = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 600) };
    return [
      ...received.map((each) => ({ about: "as received", secret, ...each, ok: true })),
      { about: "the new secret", secret: second, ...last, ok: true },
      { about: "another body", secret, headers, body: `${body} `, ok: false },
      { about: "another id", secret, headers: { ...headers, "webhook-id": "msg_2" }, body, ok: false },
      { about: "an old timestamp", secret, headers: old, body, ok: false },
      { about: "another secret", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ...last, ok: false },
      { about: "no signature", secret, headers: { ...headers, "webhook-signature": "v1," }, body, ok: false },
    ];
  } finally {
    await fetch(`${cloud.url}/webhooks/${id}`, { method: "DELETE" });
  }
}

/** Runs a program with messages as JSON on standard input, and expects its results. */
async function expectVerdicts(command: string, args: string[], cwd: string): Promise<void> {
  const cases = await deliver();
  expect(cases.filter(({ ok }) => ok).length).toBeGreaterThan(2);
  const results: boolean[] = JSON.parse(await run(command, args, { cwd }, JSON.stringify(cases)));
  expect(cases.map(({ about }, index) => [about, results[index]])).toEqual(
    cases.map(({ about, ok }) => [about, ok]),
  );
}

/** Runs a program and returns its output. Throws if it fails. */
const run = (command: string, args: string[], options: ExecFileOptions, input = ""): Promise<string> =>
  new Promise((done, fail) => {
    const child = execFile(command, args, { ...options, encoding: "utf8" }, (error, stdout, stderr) =>
      error ? fail(new Error(`${command}: ${stderr}`, { cause: error })) : done(stdout),
    );
    child.stdin?.end(input);
  });

async function programIn(language: string): Promise<string> {
  const cwd = join(folder, language);
  await cp(join(import.meta.dirname, language), cwd, { recursive: true });
  return cwd;
}

describe("deliveries are verified, and forgeries refused, by the reference library", () => {
  describeWith("venv", "in Python", () => {
    test("standardwebhooks of PyPI", { timeout }, async () => {
      const cwd = await programIn("python");
      await run("python3", ["-m", "venv", "venv"], { cwd });
      await run("venv/bin/pip", ["install", "--quiet", "standardwebhooks==1.1.0"], { cwd });
      await expectVerdicts("venv/bin/python", ["main.py"], cwd);
    });
  });

  describeWith("go", "in Go", () => {
    test("github.com/standard-webhooks/standard-webhooks", { timeout }, async () => {
      const cwd = await programIn("go");
      await run("go", ["build", "-o", "app"], { cwd });
      await expectVerdicts("./app", [], cwd);
    });
  });
});
