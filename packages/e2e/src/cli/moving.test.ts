import { execFile } from "node:child_process";
import { copyFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@image-pipeline/client";
import { type S3, startS3 } from "@image-pipeline/local/s3/server";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { dataDir, start as startMain } from "../local/main.fixture.ts";
import { jsonLines, run, runHere } from "./fixture.ts";
import { fill, seen } from "./moving.fixture.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** The stage that images are imported into. */
let target: TestCloud;
let dump: string;

/** Another S3, with keys and a region that are not a stage's. */
let other: S3;
const region = "eu-central-1";
const own = { accessKeyId: "me", secretAccessKey: "my-secret" };

beforeAll(async () => {
  target = await startTestCloud();
  dump = join(target.folder, "dump");
  const dataDir = join(target.folder, "other");
  other = await startS3({ dataDir, port: 0, buckets: ["dumps"], region, ...own, onEvent: () => {} });
});
afterAll(async () => {
  await other.close();
  await target.stop();
});

type Line = { done?: string; refused?: unknown; message?: string } & Record<string, unknown>;

async function importFrom(place: string, ...more: string[]) {
  const checkpoint = ["--checkpoint", join(target.folder, "import.checkpoint")];
  const { code, stdout } = await runHere([
    "import",
    "--from",
    place,
    "--yes",
    "--json",
    ...checkpoint,
    ...more,
  ]);
  const lines = jsonLines<Line>(stdout);
  return { code, lines, end: lines.find(({ done }) => done !== undefined) };
}

describe("an export of one stage and its import into another", () => {
  test("moves every image with its id, version, files and history, and processes none again", async () => {
    const { url, s3Url } = await startMain({ TRASH_DAYS: "1" });
    await fill({ url, s3Url });
    const before = await seen({ url });
    expect(before.all.length).toBe(7);
    const environment = { DATA_DIR: dataDir, SST_RESOURCE_App: undefined };
    const checkpoint = ["--checkpoint", join(target.folder, "export.checkpoint")];
    const exportTo = async (place: string, own: NodeJS.ProcessEnv = {}, more: readonly string[] = []) => {
      const line = ["export", "--to", place, "--json", ...checkpoint, ...more];
      const { code, stdout, stderr } = await run(line, { ...environment, ...own });
      return { code, stderr, end: jsonLines<Line>(stdout).at(-1) };
    };
    const end = { exported: 7, skipped: 1 };
    const dry = await exportTo(dump, {}, ["--dry-run"]);
    const words = await run(["export", "--to", dump, "--dry-run"], environment);
    expect(`${words.stdout}${words.stderr}`).toContain("7 to export");
    const folder = await exportTo(dump);
    expect(folder).toMatchObject({ code: 0, stderr: "", end: { ...end, refused: 0, compared: 7 } });
    expect(dry).toMatchObject({ code: 0, end: { ...end, bytes: folder.end?.bytes } });
    expect(await exportTo(dump)).toMatchObject({ code: 2, stderr: expect.stringContaining("--overwrite") });

    const bucket = ["--endpoint-url", other.url, "--region", region];
    const keys = { AWS_ACCESS_KEY_ID: own.accessKeyId, AWS_SECRET_ACCESS_KEY: own.secretAccessKey };
    const [place, prefix] = ["s3://dumps/nightly", "dumps/nightly"];
    expect(await exportTo(place, keys, bucket)).toMatchObject({
      code: 0,
      stderr: "",
      end: { ...folder.end, seconds: expect.any(Number) },
    });
    const s3 = new AwsClient({ ...own, region, service: "s3" });
    const [image] = (await readFile(join(dump, "images/000000.jsonl"), "utf8")).split("\n");
    for (const { path } of JSON.parse(image ?? "").files) {
      const copy = await s3.fetch(`${other.url}/${prefix}/${path}`);
      expect(Buffer.from(await copy.arrayBuffer()).equals(await readFile(join(dump, path)))).toBe(true);
    }

    // The stage's keys are not those of the bucket, which a profile has.
    const credentials = join(target.folder, "credentials");
    const { accessKeyId, secretAccessKey } = own;
    const text = `[me]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
    await writeFile(credentials, text);
    process.env.AWS_SHARED_CREDENTIALS_FILE = credentials;
    const refused = await runHere(["import", "--from", place, "--yes", ...bucket]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("s3://dumps/nightly/manifest"),
    ]);
    const copied = await importFrom(place, ...bucket, "--profile", "me");
    expect(copied).toMatchObject({ code: 0, end: { imported: 7, compared: 7, wrong: 0 } });
    await target.settled();
    expect(await seen(target)).toEqual(before);
    expect(await runHere(["doctor", "--grace", "0"])).toMatchObject({ code: 0 });
    expect(await importFrom(dump)).toMatchObject({ code: 0, end: { imported: 0, same: 7 } });
  });

  test("leaves a changed image alone, and replaces it with its history on demand", async () => {
    const { images } = createClient({ baseUrl: target.url });
    const [image] = (await images.page({ status: "ready" })).items;
    if (!image) throw new Error("No image is ready.");
    const before = await images.events(image.id);
    await images.update(image.id, { title: "On the target" });
    const changed = await images.update(image.id, { title: "And again" });
    expect(await importFrom(dump)).toMatchObject({ code: 1, end: { same: 6, conflicts: 1 } });
    expect(await images.get(image.id)).toEqual(changed);
    expect(await importFrom(dump, "--overwrite")).toMatchObject({ code: 0, end: { imported: 1, same: 6 } });
    const { title, version } = await images.get(image.id);
    expect([title, version]).toEqual([image.title, changed.version + 1]);
    expect(await images.events(image.id)).toEqual(before);
    expect(await importFrom(dump)).toMatchObject({ code: 0, end: { same: 7, conflicts: 0, compared: 7 } });
  });

  test("exports the other images if one lacks a file, and names it", async () => {
    const { images } = createClient({ baseUrl: target.url });
    const [image] = (await images.page({ status: "ready" })).items;
    const { Storage } = await import("@image-pipeline/core/aws/storage");
    const { read } = await import("@image-pipeline/core/records/record");
    const { key = "" } = (await read(image?.id ?? ""))?.variants?.small ?? {};
    const variant = await Storage.readVariant(key);
    await Storage.removeVariants([key]);
    const checkpoint = ["--checkpoint", join(target.folder, "part.checkpoint")];
    const part = join(target.folder, "part");
    const { code, stdout } = await runHere(["export", "--to", part, "--json", ...checkpoint]);
    const lines = jsonLines<Line>(stdout);
    expect([code, lines.at(-1)]).toMatchObject([1, { exported: 6, failed: 1, compared: 6 }]);
    expect(lines).toContainEqual(expect.objectContaining({ failed: image?.id }));
    await Storage.writeVariant(key, variant?.bytes ?? Buffer.alloc(0), "image/webp");
  });

  test("refuses ids, keys and files that lead elsewhere, and imports the others", async () => {
    const names = await readdir(join(dump, "images"));
    const texts = await Promise.all(names.map((name) => readFile(join(dump, "images", name), "utf8")));
    const ready = texts
      .join("")
      .split("\n")
      .filter((text) => text.includes('"status":"ready"'));
    const hostile = join(target.folder, "hostile");
    // Copies of images under other ids, each with a fault.
    const copyOf = async (text: string, n: number) => {
      const { record, files } = JSON.parse(text);
      const id = `img_${String(n).padStart(26, "0")}`;
      for (const { path } of files) {
        const copy = join(hostile, path.replaceAll(record.imageID, id));
        await mkdir(dirname(copy), { recursive: true });
        await copyFile(join(dump, path), copy);
      }
      return JSON.parse(text.replaceAll(record.imageID, id));
    };
    const copies = await Promise.all(Array.from({ length: 12 }, (_, n) => copyOf(ready[0] ?? "", n)));
    const [traversal, foreign, link, damaged, keyed, file, newer, late, short, gone, pipe, good] = copies;
    traversal.record.imageID = "img_../../../etc/passwd";
    foreign.record.variants.small.key = foreign.record.variants.small.key.replace(
      /img_\w+/,
      good.record.imageID,
    );
    const [{ path, bytes }] = link.files;
    await rm(join(hostile, path));
    await writeFile(join(target.folder, "secret"), Buffer.alloc(bytes));
    await symlink(join(target.folder, "secret"), join(hostile, path));
    await writeFile(join(hostile, damaged.files[1].path), Buffer.alloc(damaged.files[1].bytes));
    keyed.record.createdAt = "2026#owner_other";
    file.files.push({ ...file.files[0], path: "../secret" });
    newer.record.hologram = true;
    late.events[0].order = "0000000009";
    await truncate(join(hostile, short.files[0].path), 100);
    await rm(join(hostile, gone.files[1].path));
    const fifo = join(hostile, pipe.files[0].path);
    await rm(fifo);
    await promisify(execFile)("mkfifo", [fifo]);
    await mkdir(join(hostile, "images"));
    const text = `${copies.map((line) => JSON.stringify(line)).join("\n")}\nno JSON\n`;
    await writeFile(join(hostile, "images/000000.jsonl"), text);
    const manifest = JSON.parse(await readFile(join(dump, "manifest.json"), "utf8"));
    await writeFile(join(hostile, "manifest.json"), JSON.stringify({ ...manifest, segments: 1, images: 14 }));

    const { code, lines, end } = await importFrom(hostile);
    expect(end).toMatchObject({ looked: 13, imported: 1, refused: 13, compared: 1, wrong: 0 });
    expect(code).toBe(1);
    const messages = lines.filter(({ message }) => message).map(({ message }) => message);
    for (const message of [
      "An image id is img_",
      "is not the key of a file of this image",
      "leads out of the dump",
      "is damaged",
      "It is no time",
      "../secret is not a file of this image",
      "record.hologram is unknown",
      "transitions are out of order",
      "it has 100 of",
      "The dump has no file variants/",
      "is no file",
      "The dump has 13 of its 14 images",
    ])
      expect(messages).toContainEqual(expect.stringContaining(message));
    const { read } = await import("@image-pipeline/core/records/record");
    for (const { record } of [foreign, link, damaged, keyed, file, newer, late, short, gone, pipe])
      expect(await read(record.imageID)).toBeUndefined();
    expect(await read(good.record.imageID)).toMatchObject({ status: "ready" });

    // Two stages that have both changed an image once since: the same version of another image.
    good.record.title = "Changed elsewhere";
    good.record.last.at = "2026-01-01T00:00:00.000Z";
    await writeFile(join(hostile, "images/000000.jsonl"), `${JSON.stringify(good)}\n`);
    await writeFile(join(hostile, "manifest.json"), JSON.stringify({ ...manifest, segments: 1, images: 1 }));
    expect(await importFrom(hostile)).toMatchObject({ code: 1, end: { same: 0, conflicts: 1 } });
  });

  test.each([
    ["s3://uploads/x", "one of the stage's"],
    ["s3://processed", "one of the stage's"],
    ["s3://../x", "no S3 location"],
    ["nothing-here", "no manifest.json"],
  ])("does not begin with %s", async (place, reason) => {
    const { code, stderr } = await runHere(["import", "--from", place, "--yes"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(reason)]);
  });
});
