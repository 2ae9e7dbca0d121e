import { randomFrom } from "@image-pipeline/core/fixture-random";
import { ID } from "@image-pipeline/core/id";
import type { Draft } from "@image-pipeline/core/records/record";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeOf } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

type Similar = { items: { distance: number; image: { id: string; createdAt: string } }[]; complete: boolean };
type Stored = { id: string; hash: string; createdAt: string };

const seed = Number(process.env.SEED ?? 18);
const random = randomFrom(seed);
const below = (n: number) => Math.floor(random() * n);
const randomHash = () => Array.from({ length: 16 }, () => below(16).toString(16)).join("");

let world: MemoryWorld;
let service: string;
let queries = 0;
beforeAll(async () => {
  world = await createWorld();
  const { Table } = await import("@image-pipeline/core/table/table");
  Table.client().middlewareStack.add(
    (next, { commandName }) =>
      (args) => {
        if (commandName === "QueryCommand") queries++;
        return next(args);
      },
    { step: "initialize" },
  );
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
}, 60_000);
afterAll(async () => {
  await world.stop();
});

/** Writes a processed image with this hash, as the processor would. */
async function store(owner: string, hash: string | undefined, n: number): Promise<Stored> {
  const { write } = await import("@image-pipeline/core/records/record");
  const imageID = ID.createImageID();
  const createdAt = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString();
  const draft: Draft = {
    ...{ imageID, owner, key: `${owner}/${imageID}`, createdAt, attempt: 1, sequencer: "1", etag: "e" },
    ...{ status: "ready", processedAt: createdAt },
    source: {
      ...{ format: "jpeg", contentType: "image/jpeg", width: 2, height: 1, alpha: false, frames: 1 },
      perceptualHash: hash,
    },
  };
  const type = "ready";
  expect(await write(undefined, draft, { type, by: "processor" })).toBeDefined();
  return { id: imageID, hash: hash ?? "", createdAt };
}

async function similar(id: string, query = ""): Promise<Similar> {
  const response = await world.ask(`/images/${id}/similar?${query}`, { as: service });
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as Similar;
}

function distanceBetween(a: string, b: string): number {
  const differing = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  return differing.toString(2).replaceAll("0", "").length;
}

/** Flips up to `most` bits of a hash. */
function near(hash: string, most: number): string {
  let value = BigInt(`0x${hash}`);
  for (let n = below(most + 1); n > 0; n--) value ^= 1n << BigInt(below(64));
  return value.toString(16).padStart(16, "0");
}

/** The ids and distances that a comparison with every image gives. */
const expected = (all: readonly Stored[], { id, hash }: Stored, distance: number) =>
  all
    .filter((other) => other.id !== id)
    .map((other) => ({ id: other.id, distance: distanceBetween(hash, other.hash), at: other.createdAt }))
    .filter((other) => other.distance <= distance)
    .sort((a, b) => a.distance - b.distance || (a.at < b.at ? 1 : -1))
    .map(({ id, distance }) => ({ id, distance }));

const found = ({ items }: Similar) => items.map(({ distance, image }) => ({ id: image.id, distance }));

test("finds exactly the images that a comparison with every image finds", async () => {
  const centres = Array.from({ length: 6 }, randomHash);
  const all: Stored[] = [];
  for (let n = 0; n < 110; n++) {
    const centre = centres[n % centres.length] ?? "";
    all.push(await store("default", n % 4 === 0 ? randomHash() : near(centre, 7), n));
  }
  let some = 0;
  for (const [n, image] of all.entries()) {
    if (n % 20 !== 1) continue;
    for (const distance of [0, 4, 6, 8, 10]) {
      const wanted = expected(all, image, distance);
      const answer = await similar(image.id, `distance=${distance}&limit=100`);
      expect(found(answer), `seed ${seed}`).toEqual(wanted);
      expect(answer.complete).toBe(true);
      some += wanted.length;
    }
  }
  expect(some).toBeGreaterThan(100);
});

test("an owner of few images is read by one query", async () => {
  const hash = randomHash();
  const all = [];
  for (let n = 0; n < 30; n++) all.push(await store("few", near(hash, 6), n));
  const [first] = all;
  if (!first) throw new Error("There is no image.");
  queries = 0;
  expect(found(await similar(first.id, "limit=100"))).toEqual(expected(all, first, 8));
  expect(queries).toBe(1);
});

test("a search among many equal images reads a bounded number of rows", async () => {
  const all = [];
  for (let n = 0; n < 103; n++) all.push(await store("blank", "0000000000000000", n));
  const lone = await store("blank", "0000000000000001", 130);
  const last = all.at(-1);
  if (!last) throw new Error("There is no image.");
  queries = 0;
  const newest = await similar(last.id);
  expect(found(newest)).toEqual(expected(all, last, 0).slice(0, 20));
  expect(newest.complete).toBe(false);
  expect(queries).toBe(2);
  // The equal images are all at distance 1 of this one.
  queries = 0;
  const others = await similar(lone.id, "limit=5");
  expect(found(others)).toEqual(expected(all, lone, 8).slice(0, 5));
  expect(others.complete).toBe(false);
  expect(queries).toBeLessThan(120);
  // They do not hide an image that is farther away.
  const far = await store("blank", "0000000000000300", 131);
  const around = await similar(far.id, "limit=1");
  expect(around.items.map(({ distance }) => distance)).toEqual([2]);
  const close = await store("blank", "0000000000000301", 132);
  expect(found(await similar(close.id, "limit=2"))).toEqual([
    { id: far.id, distance: 1 },
    { id: lone.id, distance: 2 },
  ]);
});

test("the images of other owners are neither found nor told of", async () => {
  const hash = randomHash();
  const mine = await store("alice", hash, 1);
  const foreign = await store("bob", hash, 2);
  expect(found(await similar(mine.id))).toEqual([]);
  expect(found(await similar(foreign.id))).toEqual([]);
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  const { key } = await ApiKey.create({ name: "alice", owner: "alice", scopes: ["images:read"] });
  const ask = (id: string) => world.ask(`/images/${id}/similar`, { as: key });
  expect((await ask(mine.id)).status).toBe(200);
  expect(await codeOf(await ask(foreign.id))).toBe("image_not_found");
});

test("an image is found by its new hash, not by the one before, and not once it is deleted", async () => {
  const { read, write } = await import("@image-pipeline/core/records/record");
  const [before, after] = ["ffff0000ffff0000", "00000000ffffffff"];
  const [old, moving, next] = [
    await store("moved", before, 1),
    await store("moved", before, 2),
    await store("moved", after, 3),
  ];
  expect(found(await similar(old.id))).toEqual([{ id: moving.id, distance: 0 }]);
  const record = await read(moving.id);
  if (!record?.source) throw new Error("The image has no source.");
  const { version, ...draft } = record;
  const source = { ...record.source, perceptualHash: after };
  await write(record, { ...draft, source }, { type: "ready", by: "processor" });
  expect(found(await similar(old.id))).toEqual([]);
  expect(found(await similar(next.id))).toEqual([{ id: moving.id, distance: 0 }]);
  expect((await world.ask(`/images/${moving.id}`, { method: "DELETE", as: service })).status).toBe(204);
  expect(found(await similar(next.id))).toEqual([]);
});

test("images from before the rows of bands get them from the reconciler", async () => {
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  const { Posting } = await import("@image-pipeline/core/records/postings");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const { read } = await import("@image-pipeline/core/records/record");
  const { Term } = await import("@image-pipeline/core/records/terms");
  const [one, other] = [
    await store("older", "123456789abcdef0", 1),
    await store("older", "123456789abcdef0", 2),
  ];
  const record = await read(other.id);
  if (!record) throw new Error("There is no record.");
  await Posting.remove(record, Term.of(record));
  await ImageEntity.put({ ...record, indexed: 1 }).go();
  expect(found(await similar(one.id))).toEqual([]);
  await Reconcile.compare();
  expect(found(await similar(one.id))).toEqual([{ id: other.id, distance: 0 }]);
});

test.each(["distance=11", "distance=-1", "distance=1.5", "limit=0", "limit=101", "near=1"])(
  "refuses %s",
  async (query) => {
    const { id } = await store("refused", randomHash(), 1);
    expect(await codeOf(await world.ask(`/images/${id}/similar?${query}`, { as: service }))).toBe(
      "invalid_request",
    );
  },
);

test("an image without a perceptual hash has no similar ones yet", async () => {
  const { id } = await store("early", undefined, 1);
  expect(await codeOf(await world.ask(`/images/${id}/similar`, { as: service }))).toBe("image_not_ready");
  const unknown = ID.createImageID();
  expect(await codeOf(await world.ask(`/images/${unknown}/similar`, { as: service }))).toBe(
    "image_not_found",
  );
});
