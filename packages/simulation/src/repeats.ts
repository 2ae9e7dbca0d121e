/**
 * Repeated requests over a real server that is killed with SIGKILL: a client creates images under idempotency keys, and
 * repeats each request until it is answered. No key may have two images.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { randomFrom } from "@image-pipeline/core/fixture-random";
import { openProcess } from "./process.ts";

/** Creates `uploads` images over an empty folder, with kills at calls drawn from `seed`. */
export type Options = { dataDir: string; uploads: number; seed: number; print(line: string): void };

/** `twice`: keys with more than one image, `lost`: answered requests whose image does not exist. */
export type Result = { kills: number; repetitions: number; twice: number; lost: number };

type Page = { items: { id: string; filename: string }[]; nextCursor?: string };

/** One kill in so many requests, at one of the first calls, of which a creation makes about twenty. */
const killEvery = 3;
const callsMax = 24;

/** Longer than the lease of a claim. */
const leaseMs = 61_000;

/** Plays the suite. Once in a process. */
export async function playRepeats({ dataDir, uploads, seed, print }: Options): Promise<Result> {
  // No bytes are sent: the images stay pending to the end.
  const server = await openProcess(dataDir, { PENDING_MAX: "0", UPLOAD_SECONDS_MAX: "604800" });
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const result: Result = { kills: 0, repetitions: 0, twice: 0, lost: 0 };
  const answered = new Map<string, string>();
  await server.start(0);
  for (let n = 0; n < uploads; n++) {
    const key = `once-${n}`;
    for (let tries = 0; !answered.has(key); tries++) {
      if (tries > 0) result.repetitions++;
      // Each repetition may be killed too.
      if (below(killEvery) === 0) await server.killAt("server", 1 + below(callsMax));
      const id = await Promise.race([create(server.url, key), server.exited()]);
      if (id) answered.set(key, id);
      // One answer in ten does not reach the client.
      if (tries === 0 && below(10) === 0) answered.delete(key);
      if (await dies(server)) {
        result.kills++;
        await server.start(leaseMs);
      }
    }
    if ((n + 1) % 50 === 0) print(`${n + 1} of ${uploads} uploads, ${result.kills} kills`);
  }
  await server.kill();
  await server.start(0);
  const images = await list(server.url);
  const byKey = Map.groupBy(images, ({ filename }) => filename);
  result.twice = [...byKey.values()].filter(({ length }) => length > 1).length;
  const ids = new Set(images.map(({ id }) => id));
  result.lost = [...answered.values()].filter((id) => !ids.has(id)).length;
  await server.kill();
  return result;
}

/** Sends one creation. Returns the image's id; undefined without an answer, or if the request has to be repeated. */
async function create(url: string, key: string): Promise<string | undefined> {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const body = JSON.stringify({ filename: key, contentType: "image/jpeg", bytes: 1000 });
  try {
    const response = await fetch(`${url}/images`, { method: "POST", headers, body });
    const { id } = (await response.json()) as { id?: string };
    // 409 while the claim of a process that was killed holds its lease.
    if (response.status === 409) await sleep(200);
    return response.ok ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Returns true if the server was killed: it may exit shortly after its answer. */
async function dies(server: { exited(): Promise<void>; isDead(): boolean }): Promise<boolean> {
  if (!server.isDead()) await Promise.race([server.exited(), sleep(50)]);
  return server.isDead();
}

async function list(url: string): Promise<Page["items"]> {
  const items: Page["items"] = [];
  let cursor = "";
  do {
    const response = await fetch(`${url}/images?limit=100${cursor}`);
    const page = (await response.json()) as Page;
    items.push(...page.items);
    cursor = page.nextCursor ? `&cursor=${encodeURIComponent(page.nextCursor)}` : "";
  } while (cursor);
  return items;
}
