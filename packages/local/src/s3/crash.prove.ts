import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytesOf, clientFor, spawnServer } from "./fixture.ts";

const Bucket = "uploads";
const rounds = 6;
const workers = 8;

let dataDir = "";
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "s3-crash-"));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

/** The possible contents of a key, as the MD5 of its bytes or "none". */
type Known = { acknowledged: string; underway?: string };

test(`after ${rounds} kills -9 every acknowledged object is complete, and no other is partly stored`, async () => {
  const known = new Map<string, Known>();
  const sequencers = new Map<string, string>();
  let acknowledged = 0;
  for (let round = 0; round < rounds; round++) {
    const server = await spawnServer(dataDir);
    const client = clientFor(server.url);
    await verify(client, known);
    let killed = false;
    const stored: string[] = [];
    const write = async (worker: number) => {
      for (let i = 0; !killed; i++) {
        // Workers do not share keys, so that at most one change of a key is in flight.
        const key = `${worker}/${i % 5}`;
        const state = known.get(key) ?? { acknowledged: "none" };
        const body = i % 7 === 6 ? undefined : bytesOf(Math.floor(Math.random() ** 4 * 3e6));
        state.underway = body ? md5(body) : "none";
        known.set(key, state);
        try {
          if (body) await client.send(new PutObjectCommand({ Bucket, Key: key, Body: body }));
          else await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
        } catch (error) {
          if (error instanceof S3ServiceException) throw error;
          return; // The connection broke: it was killed.
        }
        if (body) stored.push(`${key} ${state.underway}`);
        Object.assign(state, { acknowledged: state.underway, underway: undefined });
        acknowledged++;
      }
    };
    const writing = Promise.all(Array.from({ length: workers }, (_, worker) => write(worker)));
    // Kills after an amount of work, not of time, so that a slow machine tests as much as a fast one.
    const enough = acknowledged + 5 + Math.floor(Math.random() * 40);
    while (acknowledged < enough) await sleep(1);
    await sleep(Math.random() * 20);
    killed = true;
    await server.kill();
    await writing;
    client.destroy();
    const lastEvents = new Map<string, string>();
    for (const { key, sequencer, eTag } of server.events) {
      expect(sequencer > (sequencers.get(key) ?? "")).toBe(true);
      sequencers.set(key, sequencer);
      lastEvents.set(key, eTag ?? "none");
    }
    // An event is sent before its change is acknowledged: each acknowledged put has an event, and the last event of a
    // key belongs to the last acknowledged change or to the one that was in flight.
    const told = new Set(server.events.map(({ key, eTag }) => `${key} ${eTag}`));
    expect(stored.filter((change) => !told.has(change))).toEqual([]);
    for (const [key, event] of lastEvents) {
      const { acknowledged, underway } = known.get(key) ?? {};
      expect([acknowledged, underway]).toContain(event);
    }
  }
  const server = await spawnServer(dataDir);
  const client = clientFor(server.url);
  await verify(client, known);
  expect(await readdir(path.join(dataDir, "tmp"))).toEqual([]);
  client.destroy();
  await server.kill();
  console.info(`${acknowledged} acknowledged writes, ${rounds} kills.`);
}, 120_000);

/** Compares the store with the known contents. A change in flight that was stored becomes known. */
async function verify(client: ReturnType<typeof clientFor>, known: Map<string, Known>): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  const listed = new Map(Contents.map(({ Key = "", ETag = "" }) => [Key, ETag.replaceAll('"', "")]));
  for (const key of listed.keys()) expect(known.has(key)).toBe(true);
  for (const [key, state] of known) {
    const found = await client.send(new GetObjectCommand({ Bucket, Key: key })).catch((error) => {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
      throw error;
    });
    const content = found ? md5((await found.Body?.transformToByteArray()) ?? Buffer.alloc(0)) : "none";
    expect([state.acknowledged, state.underway]).toContain(content);
    expect(listed.get(key) ?? "none").toBe(content);
    known.set(key, { acknowledged: content });
  }
}

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
