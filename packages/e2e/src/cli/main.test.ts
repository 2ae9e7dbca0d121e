import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { jsonLines, run, runHere, start } from "./fixture.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

test("uploads files and prints their records as JSON lines and nothing else", async () => {
  const paths = [await photo("one.jpg", 800, 600), await photo("two.png", 300, 300)];
  const { code, stdout } = await run(["upload", ...paths, "--tag", "holiday", "--json"], here());
  expect(code).toBe(0);
  const images = jsonLines<Line>(stdout);
  expect(images.map(({ filename }) => filename).sort()).toEqual(["one.jpg", "two.png"]);
  for (const { status, tags, variants } of images) {
    expect({ status, tags }).toEqual({ status: "ready", tags: ["holiday"] });
    expect(variants?.thumbnail).toMatchObject({ width: 200, height: 200 });
  }
});

test("what cannot become an image is named with its reason, the rest goes through, and the exit code is 1", async () => {
  const paths = [
    await file("notes.jpg", "no picture"),
    await photo("good.jpg", 640, 480),
    await file("empty.png", ""),
  ];
  const { code, stdout, stderr } = await image("upload", ...paths, join(cloud.folder, "missing.jpg"));
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ .*notes\.jpg {2}rejected in [\s\S]*error +unsupported_format: /);
  expect(stdout).toMatch(/✓ .*good\.jpg {2}ready in /);
  expect(stdout).toMatch(/✗ .*empty\.png {2}not uploaded\n +error +It is empty\./);
  expect(stdout).toContain("There is no such file.");
  expect(stderr).toContain("1 of 4 ready · 3 failed");
});

test("lists changes, continues after a cursor, and follows", async () => {
  const paths = [await photo("changed.jpg", 100, 80)];
  const uploaded = await image("upload", ...paths, "--json");
  const [{ id } = { id: "" }] = jsonLines<{ id: string }>(uploaded.stdout);
  const first = await image("changes", "--json");
  const lines = jsonLines<{ op?: string; id?: string; nextCursor?: string }>(first.stdout);
  expect(lines.find((line) => line.id === id)).toMatchObject({ op: "upsert", image: { status: "ready" } });
  const cursor = lines.at(-1)?.nextCursor ?? "";
  const [child, ended] = start(["changes", "--since", cursor, "--follow"], here());
  // The header of the table may come alone.
  child.stdout?.on("data", (text: string) => text.includes("gone since") && child.kill("SIGINT"));
  await image("delete", id, "--yes", "--permanent");
  expect((await ended).stdout).toContain(`${id}  gone since`);
  const { stdout, stderr } = await image("changes", "--since", cursor);
  expect(stdout).toContain(`${id}  gone since`);
  expect(stderr).toMatch(/^Continue with --since \S+\n$/);
  expect((await image("changes", "--since", "x")).code).toBe(1);
});

test("uploads the images of a folder and its subfolders, without other and hidden files", async () => {
  const folder = join(cloud.folder, "album");
  await mkdir(join(folder, "2026", ".cache"), { recursive: true });
  const names = [await photo("album/top.jpg", 300, 200), await photo("album/2026/deep.JPG", 310, 200)];
  await photo("album/2026/.cache/hidden.jpg", 320, 200);
  await file("album/notes.txt", "no image");
  const { code, stdout } = await image("upload", folder, "--json");
  expect(code).toBe(0);
  expect(
    jsonLines<Line & { filename: string }>(stdout)
      .map(({ filename }) => filename)
      .sort(),
  ).toEqual(names.map((name) => basename(name)).sort());
  const empty = join(cloud.folder, "no-images");
  await mkdir(empty);
  expect(await image("upload", empty)).toMatchObject({ code: 2, stdout: "" });
});

test("a list has a header, and ends without an error where the reader closes the pipe", async () => {
  const { stdout } = await image("list", "--limit", "1");
  expect(stdout.split("\n", 1)[0]).toMatch(/^ {2}ID +CREATED +STATUS +PIXELS +SIZE +NAME$/);
  const [child, result] = start(["list", "--limit", "0", "--json"], { IMAGE_API_URL: cloud.url });
  child.stdout?.destroy();
  expect(await result).toMatchObject({ code: 0, stderr: "" });
});

test("lists newest first, shows one with its history, and deletes it once confirmed", async () => {
  const [uploaded] = jsonLines<Line>(
    (await image("upload", await photo("last.jpg", 320, 240), "--json")).stdout,
  );
  const id = uploaded?.id ?? "";
  const listed = jsonLines<Line>((await image("list", "--limit", "1", "--json")).stdout);
  expect(listed.map((image) => image.id)).toEqual([id]);
  expect((await image("get", id)).stdout).toContain("320 × 240, jpeg");
  expect((await image("get", id, "--events")).stdout).toMatch(/announced[\s\S]*uploaded[\s\S]*ready/);

  const unasked = await image("delete", id);
  expect(unasked).toMatchObject({ code: 2, stdout: "" });
  expect(unasked.stderr).toContain("--yes");
  expect((await image("get", id)).code).toBe(0);
  expect(await image("delete", id, "--permanent", "--yes")).toMatchObject({ code: 0 });
  expect(await image("get", id)).toMatchObject({ code: 1, stdout: "" });
  // Deleting again has nothing to do, and is no error.
  expect((await image("delete", id, "--yes")).code).toBe(0);
});

test("shows the usage of a month, and what is stored now", async () => {
  await image("upload", await photo("stored.jpg", 320, 240), "--json");
  const { stdout, code } = await image("usage");
  expect(code).toBe(0);
  const month = new Date().toISOString().slice(0, 7);
  expect(stdout).toMatch(new RegExp(`^${month} +[1-9]\\d* `, "m"));
  expect(stdout).toMatch(/^Stored now: [1-9]\d* images?, originals .*B, variants .*B$/m);
  const [usage] = jsonLines<{ stored: { images: number } }>((await image("usage", "--json")).stdout);
  expect(usage?.stored.images).toBeGreaterThan(0);
});

test("finds images by tags, words, format and the time of capture, and counts them", async () => {
  await image(
    "upload",
    await photo("Harbour view.jpg", 300, 200),
    "--tag",
    "sea",
    "--tag",
    "summer",
    "--json",
  );
  await image("upload", await photo("harbour-wall.png", 300, 200), "--tag", "sea", "--json");
  const names = async (...filters: string[]) =>
    jsonLines<Line & { filename: string }>((await image("list", ...filters, "--json")).stdout)
      .map(({ filename }) => filename)
      .sort();
  expect(await names("--tag", "sea", "--tag", "summer")).toEqual(["Harbour view.jpg"]);
  expect(await names("--search", "harb*", "--format", "png")).toEqual(["harbour-wall.png"]);
  expect(await names("--search", "harbour", "--created-after", "2000-01-01", "--order", "asc")).toHaveLength(
    2,
  );
  expect(await names("--taken-after", "2000-01-01")).toEqual([]);
  const dated = join(cloud.folder, "dated.jpg");
  const exif = { IFD2: { DateTimeOriginal: "2024:05:01 23:30:00", OffsetTimeOriginal: "-02:00" } };
  await sharp(await photo("plain.jpg", 310, 200))
    .withExif(exif)
    .toFile(dated);
  await image("upload", dated, "--json");
  // Half past one in UTC.
  expect(await names("--taken-after", "2024-05-02", "--taken-before", "2024-05-03")).toEqual(["dated.jpg"]);
  expect(await names("--taken-before", "2024-05-02")).toEqual([]);
  expect(await names("--order-by", "takenAt", "--limit", "0")).toContain("harbour-wall.png");
  expect(await names("--metadata", "postId=42")).toEqual([]);
  expect((await image("list", "--tag", "sea", "--count")).stdout).toBe("2\n");
  expect((await image("list", "--tag", "sea", "--count", "--json")).stdout).toBe(
    '{"count":2,"estimate":false}\n',
  );

  const refused = await image("list", "--taken-after", "2000-01-01", "--tag", "sea");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("cannot be combined with");
  for (const wrong of [
    ["--metadata", "postId"],
    ["--taken-after", "yesterday"],
    ["--order-by", "size"],
  ])
    expect(await image("list", ...wrong)).toMatchObject({ code: 2, stdout: "" });
});

test("a command line that is not understood exits with 2 and runs nothing", async () => {
  const { code, stdout, stderr } = await run(["backfill", "--dry-rnu", "--yes"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("(Did you mean --dry-run?)");
});

test("where nothing answers, it says how to start the server", async () => {
  const { code, stderr } = await image("list", "--url", "http://127.0.0.1:1");
  expect(code).toBe(1);
  expect(stderr).toBe(
    "✗ No answer from http://127.0.0.1:1. Start the pipeline with `npm start`, or name another URL with --url or IMAGE_API_URL.\n",
  );
});

test("it finds the server that `npm start` opened by the same PORT", async () => {
  const { port } = new URL(cloud.url);
  const [, result] = start(["list", "--json"], { IMAGE_API_URL: "", PORT: port });
  expect(await result).toMatchObject({ code: 0, stderr: "" });
});

test('a file that was sent, but is not ready in time, is not called "not uploaded"', async () => {
  const path = await photo("slow.jpg", 3000, 2000);
  const url = await standIn((request, response) => {
    const upload = { method: "PUT", url: `${url}/`, headers: {} };
    const body = { id: "img_1", status: request.method === "POST" ? "pending" : "processing", upload };
    request.resume().on("end", () => response.end(JSON.stringify(body)));
  });
  const { code, stdout } = await image("upload", path, "--wait", "1", "--url", url);
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ .*slow\.jpg {2}not ready yet\n/);
});

test("Ctrl-C cancels what is being sent and ends with 130", async () => {
  const sending = Promise.withResolvers<void>();
  const url = await standIn((request, response) => {
    if (request.method === "PUT") {
      request.pause();
      return sending.resolve();
    }
    const upload = { method: "PUT", url: `${url}/`, headers: {} };
    const body = request.method === "POST" ? { id: "img_1", status: "pending", upload } : {};
    request.resume().on("end", () => response.end(JSON.stringify(body)));
  });
  const [running, result] = start(["upload", await file("big.jpg", randomBytes(1e6)), "--url", url]);
  await Promise.race([sending.promise, result]);
  running.kill("SIGINT");
  expect(await result).toMatchObject({ code: 130 });
});

/** Starts a server in the place of the API; it is stopped at the end of its test. */
async function standIn(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The environment in which the command line finds this cloud's API. */
const here = () => ({ IMAGE_API_URL: cloud.url });

/** Runs the command line against this cloud. */
const image = (...line: string[]) => runHere(line, here());

type Line = {
  id: string;
  filename?: string;
  status: string;
  tags?: string[];
  variants?: Record<string, { width: number; height: number }>;
};

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(cloud.folder, name);
  await writeFile(path, content);
  return path;
}

/** Writes an image that has not been uploaded before. */
async function photo(name: string, width: number, height: number): Promise<string> {
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  const path = join(cloud.folder, name);
  await sharp({ create: { width, height, channels: 3, background: "#000", noise } }).toFile(path);
  return path;
}
