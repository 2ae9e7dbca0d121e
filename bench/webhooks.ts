/**
 * Time from a change of an image to its message at the receiver, in a storm of changes of ten owners with an endpoint
 * each: all receivers answer in one round, and one of ten, which answered before the storm, answers no more in the other.
 * The embedded mode: its sender has the concurrency of the deployed one.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pMap from "p-map";
import { roundsOf, table } from "./measure.ts";

/** Changes of a storm, over all owners. */
const changes = Number(process.env.BENCH_CHANGES ?? 10_000);
const owners = Array.from({ length: 10 }, (_, index) => `owner${index}`);
const imagesOfOwner = 10;
const rounds = roundsOf(1);

/** Changes that are sent at once. */
const concurrency = 16;

/** Settings without quotas, and with receivers on this machine. */
const settings = {
  egressLoopback: true,
  pendingMax: 0,
  uploadsPerDayMax: 0,
  bytesPerDayMax: 0,
  changesPerDayMax: 0,
};

/** Runs the storms and returns the table. */
export async function run(): Promise<string> {
  const rows: [string, Storm][] = [];
  for (let round = 0; round < rounds; round++) {
    rows.push(["all receivers answer", await storm(0)]);
    rows.push(["one of ten stops answering", await storm(1)]);
  }
  return [
    `${changes} changes of ${owners.length} owners, ${concurrency} at once: milliseconds from the request to the message at receivers that answer.`,
    "",
    table(
      ["", "median", "p95", "longest", "missing", "changes/s"],
      rows.map(([name, { ms, missing, seconds }]) => [
        name,
        percentile(ms, 0.5),
        percentile(ms, 0.95),
        percentile(ms, 1),
        missing,
        Math.round(changes / seconds),
      ]),
    ),
  ].join("\n");
}

/** Milliseconds of each message to a receiver that answers, the messages that did not come, and the storm's length. */
type Storm = { ms: number[]; missing: number; seconds: number };

async function storm(dead: number): Promise<Storm> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  const cloud = fork(new URL("cloud.ts", import.meta.url), [
    join(dir, "data"),
    "1",
    JSON.stringify(settings),
  ]);
  const arrivals = new Map<string, number>();
  const sent = new Map<string, number>();
  const receiver = createServer(async (request, response) => {
    const { data } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const isDead = sent.size > 0 && owners.indexOf(data.owner) < dead;
    if (isDead) return;
    arrivals.set(`${data.id} ${data.version}`, performance.now());
    response.writeHead(204).end();
  });
  try {
    const [{ url, key }] = await once(cloud, "message");
    await once(receiver.listen(0, "127.0.0.1"), "listening");
    const { port } = receiver.address() as AddressInfo;
    const ask = async (method: string, path: string, body: object) => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${key}` };
      const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(await response.text());
      return response.json();
    };
    const images: { id: string; owner: string }[] = [];
    for (const owner of owners) {
      await ask("POST", "/webhooks", { url: `http://127.0.0.1:${port}/`, events: ["image.updated"], owner });
      for (let n = 0; n < imagesOfOwner; n++) {
        const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1000, owner };
        images.push({ id: (await ask("POST", "/images", file)).id, owner });
      }
    }
    // Every receiver answers once, and is known for one that answers.
    for (const { id } of images.filter((_, index) => index % imagesOfOwner === 0))
      await ask("PATCH", `/images/${id}`, { title: "Before the storm" });
    while (arrivals.size < owners.length) await new Promise((done) => setTimeout(done, 100));
    arrivals.clear();
    const began = performance.now();
    const each = Array.from({ length: changes / images.length }, (_, index) => index);
    for (const index of each)
      await pMap(
        images,
        async ({ id, owner }) => {
          const start = performance.now();
          const { version } = await ask("PATCH", `/images/${id}`, { title: `Title ${index}` });
          if (owners.indexOf(owner) >= dead) sent.set(`${id} ${version}`, start);
        },
        { concurrency },
      );
    const seconds = (performance.now() - began) / 1000;
    const end = performance.now() + 120_000;
    while (arrivals.size < sent.size && performance.now() < end)
      await new Promise((done) => setTimeout(done, 100));
    const ms = [...sent].flatMap(([key, start]) => {
      const arrival = arrivals.get(key);
      return arrival === undefined ? [] : [arrival - start];
    });
    return { ms: ms.sort((a, b) => a - b), missing: sent.size - ms.length, seconds };
  } finally {
    receiver.closeAllConnections();
    receiver.close();
    // Retries of the dead receiver are left.
    cloud.kill("SIGKILL");
    await once(cloud, "exit");
    rmSync(dir, { recursive: true });
  }
}

/** Returns the value below which this share of sorted values is, in whole milliseconds. */
const percentile = (sorted: readonly number[], share: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
