import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterEach, expect, test, vi } from "vitest";
import { bytesOf, clientFor, refusal, type Served, serve } from "./fixture.ts";

const Bucket = "uploads";
const started: Served[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const s3 of started.splice(0)) await s3.end();
});
const begin = async (options: Parameters<typeof serve>[0] = {}) => {
  const s3 = await serve(options);
  started.push(s3);
  return s3;
};
const restart = async (s3: Served, options = {}) => {
  await s3.stop();
  return await begin({ dataDir: s3.dataDir, ...options });
};
const put = (s3: Served, Key: string, Body: string | Buffer = "x", more = {}) =>
  s3.client().send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

test("an incomplete multipart upload is removed after a day, and no younger one", async () => {
  const first = await begin();
  const begun = async (Key: string, hoursAgo: number) => {
    const { UploadId = "" } = await first.client().send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await first.client().send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" }));
    const file = path.join(first.dataDir, "multipart", UploadId, "upload.json");
    const initiated = Date.now() - hoursAgo * 3_600_000;
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), initiated }));
  };
  await begun("old", 25);
  await begun("young", 23);
  const s3 = await restart(first);
  const { Uploads } = await s3.client().send(new ListMultipartUploadsCommand({ Bucket }));
  expect(Uploads?.map(({ Key }) => Key)).toEqual(["young"]);
  expect(await readdir(path.join(s3.dataDir, "multipart"))).toHaveLength(1);
  expect(await readdir(path.join(s3.dataDir, "tmp"))).toEqual([]);
});

test("everything is there after a restart as it was before", async () => {
  const first = await begin();
  const bytes = bytesOf(2 << 20);
  await put(first, "../ü 😀", bytes, {
    ContentType: "image/png",
    Metadata: { owner: "u1" },
    ChecksumAlgorithm: "SHA256",
  });
  await put(first, "long", "x", {
    Metadata: { text: "y".repeat(2000) },
    ContentDisposition: "z".repeat(3000),
  });
  await put(first, "removed");
  await first.client().send(new DeleteObjectCommand({ Bucket, Key: "removed" }));
  const input = { Bucket, Key: "../ü 😀", ChecksumMode: "ENABLED" as const };
  const before = await first.client().send(new HeadObjectCommand(input));
  const second = await restart(first);
  const { $metadata: _, ...after } = await second.client().send(new HeadObjectCommand(input));
  expect(before).toMatchObject(after);
  const found = await second.client().send(new GetObjectCommand(input));
  expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
  const { Metadata } = await second.client().send(new HeadObjectCommand({ Bucket, Key: "long" }));
  expect(Metadata?.text).toHaveLength(2000);
  const { Contents } = await second.client().send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([
    ["../ü 😀", bytes.length],
    ["long", 1],
  ]);
});

test("sequencers grow over overwriting, deleting, putting again, restarts, and a clock that goes back", async () => {
  let s3 = await begin();
  const seen: string[] = [];
  for (const aheadMs of [0, -3_600_000, 3_600_000, 0]) {
    s3 = await restart(s3, { now: () => Date.now() + aheadMs });
    const client = s3.client();
    const signingDate = new Date(Date.now() + aheadMs);
    const putting = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "same" }), {
      signingDate,
    });
    const deleting = await getSignedUrl(client, new DeleteObjectCommand({ Bucket, Key: "same" }), {
      signingDate,
    });
    for (const [url, method] of [
      [putting, "PUT"],
      [deleting, "DELETE"],
      [putting, "PUT"],
      [putting, "PUT"],
    ] as const)
      expect((await fetch(url, { method })).ok).toBe(true);
    seen.push(...s3.events.map(({ sequencer }) => sequencer));
  }
  expect(seen).toHaveLength(16);
  expect(seen).toEqual([...new Set(seen)].sort());
  for (const sequencer of seen) expect(sequencer).toMatch(/^[0-9A-F]{16}$/);
});

test("a folder that was emptied does not begin again below what a database remembers", async () => {
  const first = await begin();
  await put(first, "same");
  const before = first.events[0]?.sequencer ?? "";
  await first.end();
  const second = await begin();
  await put(second, "same");
  expect((second.events[0]?.sequencer ?? "") > before).toBe(true);
});

test("what a crash left half-written is swept at the start", async () => {
  const first = await begin();
  await writeFile(path.join(first.dataDir, "tmp", "half"), "written");
  await mkdir(path.join(first.dataDir, "tmp", "folder"));
  const second = await restart(first);
  expect(await readdir(path.join(second.dataDir, "tmp"))).toEqual([]);
});

test("a damaged file is named and left out, and the others are served", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const first = await begin();
  await put(first, "good", "good");
  await put(first, "bad", bytesOf(9000));
  const files = await readdir(path.join(first.dataDir, "objects", Bucket), {
    recursive: true,
    withFileTypes: true,
  });
  for (const file of files)
    if (file.isFile()) {
      const name = path.join(file.parentPath, file.name);
      if ((await readFile(name)).length > 9000) await truncate(name, 9010);
    }
  const second = await restart(first);
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("is not whole"));
  expect(await refusal(second.client().send(new HeadObjectCommand({ Bucket, Key: "bad" })))).toBe(
    "NotFound 404",
  );
  expect(await refusal(second.client().send(new HeadObjectCommand({ Bucket, Key: "good" })))).toBe("none");
  await put(second, "bad", "mended");
  expect(await refusal(second.client().send(new HeadObjectCommand({ Bucket, Key: "bad" })))).toBe("none");
});

test("a taken port is an error before the folder is touched", async () => {
  const first = await begin();
  await writeFile(path.join(first.dataDir, "tmp", "being-written"), "x");
  await expect(serve({ dataDir: first.dataDir, port: first.port })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  expect(await readdir(path.join(first.dataDir, "tmp"))).toEqual(["being-written"]);
});

test("closing lets a request that has begun end", async () => {
  const s3 = await begin();
  const client = clientFor(s3.url);
  let stopped: Promise<void> | undefined;
  const slow = (async function* () {
    yield Buffer.alloc(1000);
    await expect.poll(() => readdir(path.join(s3.dataDir, "tmp"))).toHaveLength(1); // It has begun.
    stopped = s3.stop();
    const reachable = () =>
      fetch(s3.url).then(
        () => true,
        () => false,
      );
    await expect.poll(reachable).toBe(false); // It is closing.
    yield Buffer.alloc(1000);
  })();
  const Body = Readable.from(slow);
  const call = client.send(new PutObjectCommand({ Bucket, Key: "slow", Body, ContentLength: 2000 }));
  expect(await refusal(call)).toBe("none");
  client.destroy();
  await stopped;
  const second = await restart(s3);
  expect(await refusal(second.client().send(new HeadObjectCommand({ Bucket, Key: "slow" })))).toBe("none");
});
