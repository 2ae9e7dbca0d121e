import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, type Image } from "@image-pipeline/client";
import { fingerprint } from "@image-pipeline/core/engine/recipe";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { jsonLines, run, runHere, start } from "./fixture.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

type Finding = { kind: string; severity: string; where: string; imageID?: string; repaired: boolean };
type Line = Partial<Finding> & {
  done?: string;
  looked?: number;
  found?: number;
  sent?: number;
  failed?: number;
  dryRun?: boolean;
  dollars?: number;
  total?: number;
};

test("doctor finds nothing wrong with what the pipeline made", async () => {
  await uploaded(1);
  const { code, stdout } = await doctor();
  expect({ code, findings: findingsIn(stdout) }).toEqual({ code: 0, findings: [] });
});

test("doctor finds a lost variant, changes nothing unasked, and repairs it when told to", async () => {
  const { id, status } = await uploaded(2);
  expect(status).toBe("ready");
  const { Storage, read } = await core();
  const record = await read(id);
  await Storage.removeVariants([record?.variants?.small?.key ?? ""]);
  const expected = { kind: "variant_missing", severity: "error", imageID: id };

  const found = await doctor();
  expect(found.code).toBe(1);
  expect(findingsIn(found.stdout)).toMatchObject([{ ...expected, repaired: false }]);
  expect((await read(id))?.version).toBe(record?.version);

  const fixed = await doctor("--fix");
  expect(findingsIn(fixed.stdout)).toMatchObject([{ ...expected, repaired: true }]);
  await cloud.settled();
  expect(await doctor()).toMatchObject({ code: 0 });
});

test("doctor finds an object whose record was lost, and a record whose object was", async () => {
  const { id } = await uploaded(3);
  const { read, write, forget } = await core();
  const record = await read(id);
  if (!record) throw new Error("The image has no record.");
  const imageID = "img_01JD0Z6V9RW1QK4C6X4M2N8T3B";
  await write(
    undefined,
    { ...record, imageID, key: "default/img_01JD0Z6V9RW1QK4C6X4M2N8T3B", variants: undefined },
    {
      type: "ready",
      by: "test",
    },
  );
  await forget(id);
  const found = findingsIn((await doctor("--fix")).stdout);
  expect(found.map(({ kind, severity, repaired }) => ({ kind, severity, repaired })).sort(byKind)).toEqual([
    { kind: "original_missing", severity: "error", repaired: true },
    { kind: "unrecorded", severity: "error", repaired: true },
  ]);
  await cloud.settled();
  expect(await doctor()).toMatchObject({ code: 0 });
  expect(await read(id)).toMatchObject({ status: "ready" });
  expect(await read(imageID)).toMatchObject({ status: "deleted" });
});

test("doctor tells warnings from errors by its exit code", async () => {
  const { id } = await uploaded(4);
  await change(id, { recipe: "00000000" });
  const { code, stdout } = await doctor();
  expect({ code, findings: findingsIn(stdout) }).toMatchObject({
    code: 3,
    findings: [{ kind: "stale", imageID: id }],
  });
  // JSON only on request, even where standard output is no terminal.
  expect((await image("doctor", "--grace", "0")).stdout).toMatch(/^! stale: 1\n/);
  await image("reprocess", "--stale", "--yes", ...at("stale"));
  await cloud.settled();
  expect(await doctor()).toMatchObject({ code: 0 });
});

test("doctor --fix adds an image from before the search index", async () => {
  const { id } = await uploaded(15);
  const { read } = await core();
  const record = await read(id);
  if (!record) throw new Error("The image has no record.");
  const { Posting } = await import("@image-pipeline/core/records/postings");
  const { Term } = await import("@image-pipeline/core/records/terms");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  await Posting.remove(record, Term.of(record));
  const { indexed: _, ...older } = record;
  await ImageEntity.put(older).go();
  const listed = async () => (await image("list", "--search", record.filename ?? "", "--json")).stdout;
  expect(await listed()).not.toContain(id);
  expect(findingsIn((await doctor()).stdout)).toMatchObject([{ kind: "unindexed", imageID: id }]);
  expect(findingsIn((await doctor("--fix")).stdout)).toMatchObject([{ kind: "unindexed", repaired: true }]);
  expect(await doctor()).toMatchObject({ code: 0 });
  expect(await listed()).toContain(id);
});

test("reprocess --stale sends what an older recipe made and nothing else", async () => {
  const [old, current] = [(await uploaded(12)).id, (await uploaded(13)).id];
  const { read } = await core();
  const { small, ...others } = (await read(old))?.variants ?? {};
  await change(old, { recipe: "00000000", variants: { ...others, tiny: small } });
  const before = await read(current);

  const line = ["reprocess", "--stale", "--json", ...at("only-stale")];
  const lines = jsonLines<Line>((await image(...line, "--dry-run")).stdout);
  expect(lines.at(-1)).toMatchObject({ sent: 1, dryRun: true, dollars: 0 });
  const [what] = lines.filter((each) => "from" in each);
  expect(what).toEqual({
    from: "00000000",
    to: fingerprint,
    images: 1,
    variants: { "+small": 1, "-tiny": 1 },
  });
  const { stdout, stderr } = await image("reprocess", "--stale", "--dry-run");
  expect(`${stdout}${stderr}`).toContain(
    `recipe 00000000 → ${fingerprint}, images: 1; +small (1), -tiny (1)`,
  );
  // The total of the progress bar.
  expect(lines[0]?.total).toBeGreaterThanOrEqual(2);
  expect((await read(old))?.recipe).toBe("00000000");

  expect(jsonLines<Line>((await image(...line, "--yes")).stdout).at(-1)).toMatchObject({ sent: 1 });
  await cloud.settled();
  expect(await read(old)).toMatchObject({ status: "ready", recipe: fingerprint });
  expect(await read(current)).toEqual(before);
  expect(jsonLines<Line>((await image(...line, "--yes")).stdout).at(-1)).toMatchObject({ sent: 0 });
});

test("doctor leaves alone what is younger than its grace", async () => {
  const { id } = await uploaded(5);
  await (await core()).forget(id);
  expect((await image("doctor", "--grace", "3600", "--json")).code).toBe(0);
  await image("doctor", "--grace", "0", "--fix", "--json");
  await cloud.settled();
});

test("backfill counts first, then takes in what has no record, and nothing twice", async () => {
  const ids = [(await uploaded(6)).id, (await uploaded(7)).id];
  const { forget, read } = await core();
  for (const id of ids) await forget(id);
  const line = ["backfill", ...at("backfill"), "--json"];

  const counted = await image(...line, "--dry-run");
  expect(jsonLines<Line>(counted.stdout).at(-1)).toMatchObject({ found: 2, dollars: 0 });
  expect(await read(ids[0] ?? "")).toBeUndefined();

  expect((await image(...line)).code).toBe(2);
  const done = await image(...line, "--yes");
  expect(done.code).toBe(0);
  expect(jsonLines<Line>(done.stdout).at(-1)).toMatchObject({ found: 2 });
  await cloud.settled();
  for (const id of ids) expect(await read(id)).toMatchObject({ status: "ready" });
  expect(jsonLines<Line>((await image(...line, "--yes")).stdout).at(-1)).toMatchObject({ found: 0 });
});

test("interrupted, backfill stops soon, exits with 130 and the same command does the rest", async () => {
  // Without the interruption, one image a second would exceed the test's timeout.
  const ids = await strays(60);
  const line = ["backfill", "--prefix", "stray/", "--rate", "1", "--yes", "--json", ...at("interrupted")];
  const { read } = await core();
  const [running, result] = start(line);
  const isBegun = async () => (await read(ids[0] ?? "")) !== undefined;
  await vi.waitUntil(isBegun, { timeout: 60_000, interval: 100 });
  running.kill("SIGINT");
  const { code, stdout } = await result;
  expect(code).toBe(130);
  const last = jsonLines<Line>(stdout).at(-1);
  expect(last).toMatchObject({ interrupted: true });
  expect(last?.found).toBeGreaterThan(0);
  expect(last?.found).toBeLessThan(ids.length);
  await image(...line.filter((word) => word !== "--rate" && word !== "1"));
  await cloud.settled();
  for (const id of ids) expect(await read(id), id).toMatchObject({ status: "rejected" });
});

test("backfill goes on from its checkpoint, and refuses one of another job", async () => {
  const ids = await strays(3, "resume");
  const [file = "", checkpoint = ""] = at("resume").reverse();
  const job = { command: "backfill", stage: "local", prefix: "resume/" };
  const place = { after: "resume/0", looked: 1, sent: 1 };
  await writeFile(file, JSON.stringify({ job, place }));
  const { stdout } = await image("backfill", "--prefix", "resume/", checkpoint, file, "--yes", "--json");
  expect(jsonLines<Line>(stdout).at(-1)).toMatchObject({ looked: 3, found: 3 });
  await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  await cloud.settled();
  const { read } = await core();
  expect(await Promise.all(ids.map(async (id) => (await read(id))?.status))).toEqual([
    undefined,
    "rejected",
    "rejected",
  ]);

  await writeFile(file, JSON.stringify({ job: { ...job, prefix: "other/" }, place }));
  const refused = await image("backfill", "--prefix", "resume/", checkpoint, file, "--yes");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("checkpoint of another job");
});

test("reprocess and redrive send what failed through again", async () => {
  const [a, b] = [await uploaded(9), await uploaded(10)];
  const failure = { status: "failed", error: { code: "processing_failed", message: "A test." } } as const;
  const { read } = await core();
  await change(a.id, failure);
  const counted = await image("reprocess", "--failed", "--dry-run", "--json");
  expect(jsonLines<Line>(counted.stdout).at(-1)).toMatchObject({ sent: 1 });
  expect(await read(a.id)).toMatchObject({ status: "failed" });
  expect((await image("reprocess", "--failed", "--yes", ...at("failed"))).code).toBe(0);
  await cloud.settled();
  expect(await read(a.id)).toMatchObject({ status: "ready" });

  await change(b.id, failure);
  const redriven = await image("redrive", "--yes", "--json");
  expect(redriven.code).toBe(0);
  expect(jsonLines<Line>(redriven.stdout).at(-1)).toMatchObject({ failed: 1, "dead letters": 0 });
  await cloud.settled();
  expect(await read(b.id)).toMatchObject({ status: "ready" });
});

test("reprocess takes images by id, and says which it could not send", async () => {
  const { id } = await uploaded(11);
  const { read } = await core();
  const before = (await read(id))?.attempt ?? 0;
  const none = "img_01JD0Z6V9RW1QK4C6X4M2N8T3C";
  const { code, stdout } = await image("reprocess", "--id", id, "--id", none);
  expect(code).toBe(1);
  expect(stdout).toContain(`${id} sent`);
  expect(stdout).toContain(`✗ ${none} Image ${none} not found.`);
  await cloud.settled();
  expect((await read(id))?.attempt).toBeGreaterThan(before);
  expect((await image("reprocess", "--id", "nonsense")).code).toBe(2);
  expect((await image("reprocess")).code).toBe(2);
});

test("a key is shown once, is listed without its secret, and is no good once it is revoked", async () => {
  const made = await image("key", "create", "--name", "shop", "--scope", "images:read", "--json");
  const [{ key, id } = { key: "", id: "" }] = jsonLines<{ key: string; id: string }>(made.stdout);
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  expect(await ApiKey.verify(key)).toMatchObject({ name: "shop", scopes: ["images:read"], owner: "default" });
  const listed = await image("key", "list");
  expect(listed.stdout).toMatch(new RegExp(`active +${id} .*shop.*images:read`));
  expect(listed.stdout).not.toContain(key.slice(-64));
  expect(await image("key", "revoke", id)).toMatchObject({ code: 2 });
  expect(await image("key", "revoke", id, "--yes")).toMatchObject({ code: 0 });
  expect(await ApiKey.verify(key, Date.now() + 60_000)).toBeUndefined();
  expect(await image("key", "revoke", "0000000000000000", "--yes")).toMatchObject({ code: 1 });
  expect(await image("key", "create", "--name", "x", "--scope", "images:wriet")).toMatchObject({ code: 2 });
});

test("without a stage it says how to get one; with one that is gone, that it does not answer", async () => {
  const stages = Object.keys(process.env).filter((name) => name.startsWith("SST_RESOURCE_"));
  const none = Object.fromEntries(stages.map((name) => [name, undefined]));
  const missing = await run(["doctor"], { ...none, DATA_DIR: join(cloud.folder, "nothing") });
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toContain("npm start");
  const found = await run(["key", "list"], { ...none, DATA_DIR: join(cloud.folder, "data") });
  expect(found).toMatchObject({ code: 0, stderr: "" });
  const gone = await run(["doctor"], {
    AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1",
    AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1",
    AWS_MAX_ATTEMPTS: "1",
  });
  expect(gone.code).toBe(1);
  expect(gone.stderr).toContain("does not answer");
});

const image = (...line: string[]) => runHere(line, { IMAGE_API_URL: cloud.url });
const doctor = (...line: string[]) => image("doctor", "--grace", "0", "--json", ...line);
const findingsIn = (stdout: string) => jsonLines<Finding>(stdout).filter(({ kind }) => kind !== undefined);
const byKind = (a: { kind: string }, b: { kind: string }) => (a.kind < b.kind ? -1 : 1);

/** A separate checkpoint for each test. */
const at = (name: string) => ["--checkpoint", join(cloud.folder, `${name}.json`)];

/** Uploads a new image and waits until it is ready. */
async function uploaded(seed: number): Promise<Image> {
  const bytes = await photo({ width: 320, height: 240, seed });
  const file = new File([new Uint8Array(bytes)], `${seed}.jpg`, { type: "image/jpeg" });
  const image = await createClient({ baseUrl: cloud.url }).upload(file);
  await cloud.settled();
  return image;
}

/** Puts objects under `folder/` and removes their records. */
async function strays(count: number, folder = "stray"): Promise<string[]> {
  const { Storage, ID, forget } = await core();
  const { PutObjectCommand } = await import("@aws-sdk/client-s3");
  const keys = Array.from({ length: count }, (_, index) => `${folder}/${index}`);
  await Promise.all(
    keys.map((Key) => Storage.client().send(new PutObjectCommand({ Bucket: "uploads", Key, Body: Key }))),
  );
  await cloud.settled();
  const ids = keys.map((key) => ID.imageIDFromKey("uploads", key));
  await Promise.all(ids.map(forget));
  return ids;
}

async function change(id: string, changes: Record<string, unknown>): Promise<void> {
  const { read, write } = await core();
  const record = await read(id);
  if (!record) throw new Error(`${id} has no record.`);
  await write(record, { ...record, ...changes });
}

/** Imports core, which must be loaded after the stage has started. */
async function core() {
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { ID } = await import("@image-pipeline/core/id");
  const { read, write } = await import("@image-pipeline/core/records/record");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const forget = async (imageID: string) => void (await ImageEntity.remove({ imageID }).go());
  return { Storage, ID, read, write, forget };
}
