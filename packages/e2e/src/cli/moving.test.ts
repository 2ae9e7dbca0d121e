import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { dataDir, start as startMain } from "../local/main.fixture.ts";
import { jsonLines, run, runHere } from "./fixture.ts";
import { fill, seen } from "./moving.fixture.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** The stage that images are imported into. */
let target: TestCloud;
let dump: string;

beforeAll(async () => {
  target = await startTestCloud();
  dump = join(target.folder, "dump");
});
afterAll(() => target.stop());

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
    const exported = await run(["export", "--to", dump, "--json", ...checkpoint], environment);
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    expect(jsonLines<Line>(exported.stdout).at(-1)).toMatchObject({ exported: 7, skipped: 1, refused: 0 });

    expect(await importFrom(dump)).toMatchObject({ code: 0, end: { imported: 7, wrong: 0 } });
    await target.settled();
    expect(await seen(target)).toEqual(before);
    expect(await runHere(["doctor", "--grace", "0"])).toMatchObject({ code: 0 });
    expect(await importFrom(dump)).toMatchObject({ code: 0, end: { imported: 0, same: 7 } });
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
    const copies = await Promise.all(Array.from({ length: 7 }, (_, n) => copyOf(ready[0] ?? "", n)));
    const [traversal, foreign, link, damaged, keyed, file, good] = copies;
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
    await mkdir(join(hostile, "images"));
    const text = `${copies.map((line) => JSON.stringify(line)).join("\n")}\nno JSON\n`;
    await writeFile(join(hostile, "images/000000.jsonl"), text);
    const manifest = JSON.parse(await readFile(join(dump, "manifest.json"), "utf8"));
    await writeFile(join(hostile, "manifest.json"), JSON.stringify({ ...manifest, segments: 1 }));

    const { code, lines, end } = await importFrom(hostile);
    expect(end).toMatchObject({ imported: 1, refused: 7 });
    expect(code).toBe(1);
    const messages = lines.filter(({ refused }) => typeof refused === "string").map(({ message }) => message);
    for (const message of [
      "An image id is img_",
      "is not the key of a file of this image",
      "leads out of the dump",
      "is damaged",
      "It is no time",
      "../secret is not a file of this image",
    ])
      expect(messages).toContainEqual(expect.stringContaining(message));
    const { read } = await import("@image-pipeline/core/records/record");
    for (const { record } of [foreign, link, damaged, keyed, file])
      expect(await read(record.imageID)).toBeUndefined();
    expect(await read(good.record.imageID)).toMatchObject({ status: "ready" });
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
