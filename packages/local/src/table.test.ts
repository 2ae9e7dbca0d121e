/**
 * Every access pattern of the table, against dynalite as in embedded mode, or against the endpoint in
 * `AWS_ENDPOINT_URL_DYNAMODB`: DynamoDB Local or DynamoDB itself.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DynamoDB } from "@aws-sdk/client-dynamodb";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dynamodb, startDynamodb } from "./dynamodb.ts";
import { createClient, ensureTable, expire, type Key } from "./table.ts";

const name = `images-test-${randomUUID()}`;
let folder: string;
let own: Dynamodb | undefined;
let client: DynamoDB;
let core: Awaited<ReturnType<typeof load>>;

/** Imports the entities, which read the table's endpoint when they are loaded. */
async function load() {
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const { EventEntity } = await import("@image-pipeline/core/table/event-entity");
  const { TermEntity } = await import("@image-pipeline/core/table/term-entity");
  const { readMany, write } = await import("@image-pipeline/core/records/record");
  const { CheckpointEntity } = await import("@image-pipeline/core/table/checkpoint-entity");
  const { KeyEntity } = await import("@image-pipeline/core/table/key-entity");
  const { Idempotency } = await import("@image-pipeline/core/images/idempotency");
  const { Quota } = await import("@image-pipeline/core/images/quota");
  const { Posting } = await import("@image-pipeline/core/records/postings");
  const { Term } = await import("@image-pipeline/core/records/terms");
  const { shardOf } = await import("@image-pipeline/core/id");
  const { TallyEntity } = await import("@image-pipeline/core/table/tally-entity");
  const entities = { ImageEntity, EventEntity, TermEntity, CheckpointEntity, KeyEntity, TallyEntity };
  return { ...entities, shardOf, readMany, write, Idempotency, Quota, Posting, Term };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "table-"));
  const named = process.env.AWS_ENDPOINT_URL_DYNAMODB;
  own = named ? undefined : await startDynamodb({ folder, port: 0 });
  const url = named ?? own?.url ?? "";
  const {
    AWS_ACCESS_KEY_ID = "",
    AWS_SECRET_ACCESS_KEY = "",
    AWS_SESSION_TOKEN,
    AWS_REGION = "",
  } = process.env;
  const credentials = {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN,
  };
  client = createClient({ endpoint: url, region: AWS_REGION, credentials });
  process.env.AWS_ENDPOINT_URL_DYNAMODB = url;
  process.env.SST_RESOURCE_Images = JSON.stringify({ name });
  await ensureTable(client, name);
  core = await load();
}, 180_000);

afterAll(async () => {
  await client.deleteTable({ TableName: name });
  await own?.close();
  await rm(folder, { recursive: true });
});

let serial = 0;

/** Returns a record of a new owner by default, `ago` seconds old, in any shard by default. */
function record(change: Partial<ImageRecord> & { ago?: number; shard?: string } = {}): ImageRecord {
  const { ago = 0, shard, ...rest } = change;
  const createdAt = new Date(Date.UTC(2026, 10, 23) - ago * 1000).toISOString();
  const imageID = idIn(shard);
  return {
    imageID,
    owner: `owner${serial}`,
    status: "ready" as const,
    createdAt,
    updatedAt: createdAt,
    version: 1,
    attempt: 1,
    key: `photos/${serial}.jpg`,
    writeID: "w",
    last: { version: 1, type: "uploaded" as const, at: createdAt, by: "storage" },
    ...rest,
  };
}

/** Returns the next id, or the next in this shard. */
function idIn(shard: string | undefined): string {
  for (;;) {
    const imageID = `img_${String(++serial).padStart(26, "0")}`;
    if (shard === undefined || core.shardOf(imageID) === shard) return imageID;
  }
}

const create = async (change: Parameters<typeof record>[0] = {}) => {
  const made = record(change);
  await core.ImageEntity.create(made).go();
  return made;
};

const idsOf = ({ data }: { data: { imageID: string }[] }) => data.map(({ imageID }) => imageID);

describe("a record", () => {
  test("is read back whole: text, numbers, lists, maps, nested and empty", async () => {
    const made = await create({
      title: "",
      tags: ["a", "ü"],
      metadata: { any: "thing" },
      bytes: 12_345_678,
      variants: {
        thumbnail: { key: "k", format: "webp", width: 200, height: 200, bytes: 9 },
      },
      superseded: [{ keys: ["x", "y"], at: "2026-11-23T00:00:00.000Z" }],
      expiresAt: 4_102_444_800,
    });
    const { data } = await core.ImageEntity.get({ imageID: made.imageID }).go({ consistent: true });
    expect(data).toEqual(made);
  });

  test("cannot be created twice", async () => {
    const made = await create();
    await expect(core.ImageEntity.create(made).go()).rejects.toThrow(/conditional/i);
  });

  test("is replaced only while the condition holds; of ten at once exactly one wins", async () => {
    const made = await create();
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        core.ImageEntity.put({ ...made, version: 2, title: String(index) })
          .where(({ version }, { eq }) => eq(version, 1))
          .go(),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { data } = await core.ImageEntity.get({ imageID: made.imageID }).go({ consistent: true });
    expect(data?.title).toBe(String(results.findIndex(({ status }) => status === "fulfilled")));
  });

  test("loses the attributes that its replacement has not", async () => {
    const made = await create({ title: "gone" });
    const { title, ...rest } = made;
    await core.ImageEntity.put({ ...rest, version: 2 })
      .where(({ version }, { eq }) => eq(version, 1))
      .go();
    const { data } = await core.ImageEntity.get({ imageID: made.imageID }).go({ consistent: true });
    expect(data).not.toHaveProperty("title");
  });

  test("is patched only if it is there", async () => {
    const made = await create();
    await core.ImageEntity.patch({ imageID: made.imageID })
      .set({ alt: "A cat" })
      .where(({ status }, { eq }) => eq(status, "ready"))
      .go();
    const { data } = await core.ImageEntity.get({ imageID: made.imageID }).go({ consistent: true });
    expect(data?.alt).toBe("A cat");
    await expect(
      core.ImageEntity.patch({ imageID: "img_nowhere" }).set({ alt: "A ghost" }).go(),
    ).rejects.toThrow(/conditional/i);
    expect((await core.ImageEntity.get({ imageID: "img_nowhere" }).go()).data).toBeNull();
  });

  test("is found among a hundred and fifty, in the order asked for", async () => {
    const made = await Promise.all(Array.from({ length: 150 }, () => create()));
    const ids = made.map(({ imageID }) => imageID).reverse();
    const found = await core.readMany(["img_nowhere", ...ids]);
    expect(found.map(({ imageID }) => imageID)).toEqual(ids);
  });

  test("written by two who read the same version is written by one of them", async () => {
    const { version, last, writeID, updatedAt, ...draft } = record();
    const entry = { type: "uploaded", by: "storage" } as const;
    const first = await core.write(undefined, draft, entry);
    const both = await Promise.all([core.write(first, draft, entry), core.write(first, draft, entry)]);
    expect(both.filter(Boolean)).toHaveLength(1);
    const { data } = await core.EventEntity.query
      .byImage({ imageID: draft.imageID })
      .go({ consistent: true });
    expect(data).toHaveLength(1);
  });
});

describe("the index", () => {
  test("byOwner pages through an owner's images by time, both ways, and holds all of each", async () => {
    const owner = "pages";
    const made = [];
    for (let ago = 0; ago < 45; ago++) made.push(await create({ owner, ago }));
    await create({ owner: "pages2" });
    for (const order of ["asc", "desc"] as const) {
      const ids: string[] = [];
      const sizes: number[] = [];
      let cursor: string | null = null;
      do {
        const page: { data: ImageRecord[]; cursor: string | null } = await core.ImageEntity.query
          .byOwner({ owner })
          .go({ limit: 20, pages: 1, order, cursor });
        ids.push(...idsOf(page));
        sizes.push(page.data.length);
        cursor = page.cursor;
      } while (cursor);
      const newestFirst = made.map(({ imageID }) => imageID);
      expect(ids).toEqual(order === "desc" ? newestFirst : newestFirst.toReversed());
      expect(sizes).toEqual([20, 20, 5]);
    }
    const { data } = await core.ImageEntity.query.byOwner({ owner }).go({ limit: 1, pages: 1 });
    expect(data[0]).toHaveProperty("last");
  });

  test("byOwner takes ends in time, both included", async () => {
    const owner = "ends";
    const made: ImageRecord[] = [];
    for (let ago = 0; ago < 5; ago++) made.push(await create({ owner, ago }));
    const end = (index: number) => ({
      createdAt: made[index]?.createdAt ?? "",
      imageID: made[index]?.imageID ?? "",
    });
    const page = await core.ImageEntity.query.byOwner({ owner }).between(end(3), end(1)).go();
    expect(idsOf(page)).toEqual([3, 2, 1].map((index) => made[index]?.imageID));
  });

  test("byOwnerStatus moves an image with its status and forgets it when it is deleted", async () => {
    const made = await create({ owner: "moves", status: "processing" });
    const list = async (status: ImageRecord["status"]) =>
      idsOf(await core.ImageEntity.query.byOwnerStatus({ owner: "moves", status }).go());
    expect(await list("processing")).toEqual([made.imageID]);
    await core.ImageEntity.put({ ...made, status: "ready" }).go();
    expect(await list("processing")).toEqual([]);
    expect(await list("ready")).toEqual([made.imageID]);
    await core.ImageEntity.put({ ...made, status: "deleted" }).go();
    expect(await list("ready")).toEqual([]);
    expect(await list("deleted")).toEqual([]);
    expect(idsOf(await core.ImageEntity.query.byOwner({ owner: "moves" }).go())).toEqual([]);
  });

  test("recent holds everybody's images of a shard, newest first, and only where to find them", async () => {
    const [old, young] = [await create({ shard: "5", ago: 9 }), await create({ shard: "5" })];
    const { data } = await core.ImageEntity.query
      .recent({ shard: "5" })
      .go({ order: "desc", attributes: ["imageID", "createdAt"] });
    const made = data.filter(({ imageID }) => [old, young].some((each) => each.imageID === imageID));
    expect(made).toEqual([young, old].map(({ imageID, createdAt }) => ({ imageID, createdAt })));
  });

  test("stuck holds what is due, by when, and nothing that is finished", async () => {
    const shard = "6";
    const due = (minute: number) => `2026-11-23T10:0${minute}:00.000Z`;
    const late = await create({ shard, status: "processing", dueAt: due(3) });
    const early = await create({ shard, status: "pending", dueAt: due(1) });
    await create({ shard, status: "processing", dueAt: due(8) });
    await create({ shard, status: "ready" });
    const list = async () =>
      idsOf(
        await core.ImageEntity.query
          .stuck({ shard })
          .lt({ dueOrder: due(5) })
          .go({ limit: 100, pages: 1, attributes: ["imageID"] }),
      );
    expect(await list()).toEqual([early.imageID, late.imageID]);
    const { dueAt, ...finished } = early;
    await core.ImageEntity.put({ ...finished, status: "ready" }).go();
    expect(await list()).toEqual([late.imageID]);
  });

  test("an image is stored without the attributes that only keys of indexes follow from", async () => {
    const dueAt = "2026-11-23T10:00:00.000Z";
    const { imageID } = await create({ status: "processing", dueAt });
    const stored = JSON.stringify(await core.ImageEntity.get({ imageID }).go({ data: "raw" }));
    expect(stored).toContain(`#dueOrder_${dueAt}#`);
    expect(stored).not.toMatch(/"(shard|dueOrder|content)":/);
  });

  test("byContent finds an owner's ready image by its bytes, and no one else's", async () => {
    const sha256 = "ab".repeat(32);
    const made = await create({ owner: "mine", sha256 });
    await create({ owner: "yours", sha256 });
    await create({ owner: "mine", sha256, status: "rejected" });
    const page = await core.ImageEntity.query
      .byContent({ owner: "mine", content: sha256 })
      .go({ attributes: ["imageID"] });
    expect(idsOf(page)).toEqual([made.imageID]);
  });

  test("byTerm lists a term's images newest first, one row to each", async () => {
    const row = { owner: "tagger", kind: "tag" as const, term: "cat" };
    const rows = [1, 2, 3].map((n) => ({
      ...row,
      imageID: `img_tag${n}`,
      createdAt: `2026-11-23T10:00:0${n}.000Z`,
      version: 1,
    }));
    for (const each of [...rows, ...rows]) await core.TermEntity.put(each).go();
    await core.TermEntity.put({
      ...row,
      term: "cats",
      imageID: "img_tag4",
      createdAt: "2026",
      version: 1,
    }).go();
    const [, second] = rows;
    if (second) await core.TermEntity.delete(second).go();
    const page = await core.TermEntity.query
      .byTerm({ owner: "tagger", kind: "tag" })
      .between({ term: "cat", createdAt: "0", imageID: "0" }, { term: "cat", createdAt: "~", imageID: "~" })
      .go({ order: "desc", consistent: true });
    expect(idsOf(page)).toEqual(["img_tag3", "img_tag1"]);
  });

  test("byImage holds the audit trail in order, and a row written twice once", async () => {
    const row = {
      imageID: "img_trail",
      owner: "o",
      type: "ready" as const,
      at: "2026-11-23",
      by: "processor",
    };
    for (const order of ["0000000010", "0000000002", "0000000010"])
      await core.EventEntity.put({ ...row, order, detail: { attempt: 1, known: true } }).go();
    const { data } = await core.EventEntity.query.byImage({ imageID: "img_trail" }).go({ consistent: true });
    expect(data.map(({ order }) => order)).toEqual(["0000000002", "0000000010"]);
    expect(data[0]?.detail).toEqual({ attempt: 1, known: true });
  });
});

describe("beside images", () => {
  test("a term's row stays for the later version after a late addition or removal", async () => {
    const image = { imageID: "img_tagged", owner: "late", createdAt: "2026-11-23T10:00:00.000Z" };
    const { Posting, Term, TermEntity } = core;
    const dog = [Term.ofTag("dog")];
    const found = async () => idsOf(await TermEntity.query.byTerm({ owner: "late", kind: "tag" }).go());
    await Posting.add({ ...image, version: 7 }, dog);
    await Posting.add({ ...image, version: 5 }, dog);
    await Posting.remove({ ...image, version: 6 }, dog);
    expect(await found()).toEqual(["img_tagged"]);
    await Posting.remove({ ...image, version: 7 }, dog);
    await Posting.remove({ ...image, version: 7 }, dog);
    expect(await found()).toEqual([]);
  });

  test("a long job's place is kept, replaced and forgotten", async () => {
    const job = { job: "compare-test" };
    const placeOf = async () => (await core.CheckpointEntity.get(job).go({ consistent: true })).data?.after;
    for (const after of ["a", "b"])
      await core.CheckpointEntity.put({ ...job, after, savedAt: "2026-11-23" }).go();
    expect(await placeOf()).toBe("b");
    await core.CheckpointEntity.delete(job).go();
    expect(await placeOf()).toBeUndefined();
  });

  test("twenty at once take no more than the ten uploads of a day", async () => {
    const limits = {
      pendingMax: 0,
      uploadsPerDayMax: 10,
      bytesPerDayMax: 1000,
      reprocessesPerDayMax: 0,
      changesPerDayMax: 0,
    };
    const upload = { owner: "taker", imageID: "img_0", bytes: 1, seconds: 60 };
    const takes = Array.from({ length: 20 }, () => core.Quota.take(upload, limits));
    const settled = await Promise.allSettled(takes);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  });

  test("one request sent ten times at once is carried out once", async () => {
    const request = { owner: "twice", key: "k", request: "r" };
    let runs = 0;
    const once = () => core.Idempotency.once(request, async () => ({ run: ++runs }));
    await Promise.allSettled(Array.from({ length: 10 }, once));
    expect(await once()).toEqual({ run: 1 });
    expect(runs).toBe(1);
  });

  test("a counter that ten count at once misses none", async () => {
    const row = { shard: "0", slot: "2026-11-23T10" };
    await Promise.all(
      Array.from({ length: 10 }, () => core.TallyEntity.update(row).add({ ready: 1, m07: 2 }).go()),
    );
    const { data } = await core.TallyEntity.query.bySlot({ shard: "0" }).gte({ slot: "2026" }).go();
    expect(data).toMatchObject([{ ready: 10, m07: 20 }]);
  });

  test("API keys are listed and found by their id", async () => {
    const key = { name: "n", secretHash: "h", scopes: ["images:read" as const], createdAt: "2026-11-23" };
    for (const keyID of ["one", "two"]) await core.KeyEntity.put({ ...key, keyID }).go();
    const { data } = await core.KeyEntity.query.byID({}).go();
    expect(data.map(({ keyID }) => keyID)).toEqual(["one", "two"]);
    expect((await core.KeyEntity.get({ keyID: "two" }).go()).data?.scopes).toEqual(["images:read"]);
  });
});

test("making the table again changes nothing", async () => {
  const made = await create();
  await ensureTable(client, name);
  expect((await core.ImageEntity.get({ imageID: made.imageID }).go()).data?.imageID).toBe(made.imageID);
});

test("a table with other indexes is refused", { timeout: 180_000 }, async () => {
  const TableName = `other-${name}`;
  await client.createTable({
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: ["pk", "sk"].map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  });
  await expect(ensureTable(client, TableName)).rejects.toThrow("has other indexes than this version needs");
  // DynamoDB is still creating the table, which cannot be deleted until it is active.
  const remove = () => client.deleteTable({ TableName }).then(() => "deleted", String);
  await expect.poll(remove, { timeout: 120_000, interval: 200 }).toBe("deleted");
});

test("what has expired is removed, page by page, and nothing else", async () => {
  const now = Date.UTC(2026, 10, 23);
  const at = (seconds: number) => ({ status: "deleted" as const, expiresAt: now / 1000 + seconds });
  const [over, second, still, ever] = [
    await create(at(-1)),
    await create(at(-9)),
    await create(at(60)),
    await create(),
  ];
  let start: Key | undefined;
  let pages = 0;
  do {
    start = await expire(client, name, { start, limit: 50, now });
    pages++;
  } while (start);
  expect(pages).toBeGreaterThan(3);
  const left = await core.readMany([over, second, still, ever].map(({ imageID }) => imageID));
  expect(left.map(({ imageID }) => imageID)).toEqual([still.imageID, ever.imageID]);
});
