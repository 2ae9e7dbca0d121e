import { createHash, randomBytes } from "node:crypto";
import { type Client, createClient, type Image, type Progress, type Ticket } from "@image-pipeline/client";
import { srcset } from "@image-pipeline/client/show";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";

let cloud: TestCloud;
let client: Client;

beforeAll(async () => {
  cloud = await startTestCloud();
  client = createClient({ baseUrl: cloud.url });
});

afterAll(() => cloud.stop());

test("uploads a file, reports progress and returns the image with its variants", async () => {
  const file = await photo(1600, 1200);
  const progress: Progress[] = [];
  const image = await client.upload(file, {
    title: "The beach",
    tags: ["holiday"],
    metadata: { album: "7" },
    onProgress: (step) => progress.push(step),
  });
  expect(image).toMatchObject({
    status: "ready",
    filename: "photo.jpg",
    title: "The beach",
    tags: ["holiday"],
    metadata: { album: "7" },
    source: { format: "jpeg", width: 1600, height: 1200, bytes: file.size },
  });
  expect(progress.at(0)).toEqual({ phase: "uploading", sent: 0, total: file.size });
  expect(progress.at(-2)).toEqual({ phase: "uploading", sent: file.size, total: file.size });
  expect(progress.at(-1)).toEqual({ phase: "processing", sent: file.size, total: file.size });
  const [, thumbnail] = srcset(image).split(/[ ,]+/);
  expect(thumbnail).toBe("480w");
  const shown = await fetch(image.variants?.thumbnail?.url ?? "");
  expect(await sharp(await shown.arrayBuffer()).metadata()).toMatchObject({ width: 200, height: 200 });
});

test("an upload repeated under its idempotency key returns the same image; another file is refused", async () => {
  const file = await photo(320, 240);
  const options = { idempotencyKey: "a-photo-of-a-script" };
  const first = await client.upload(file, options);
  const second = await client.upload(file, options);
  expect([second.id, second.status]).toEqual([first.id, "ready"]);
  const other = client.upload(await photo(321, 240), options);
  await expect(other).rejects.toMatchObject({ code: "idempotency_key_reused", status: 422 });
});

test("a file that is not an image is returned as rejected, with its code", async () => {
  const text = new File(["no picture"], "notes.jpg", { type: "image/jpeg" });
  const { status, error } = await client.upload(text);
  expect({ status, code: error?.code }).toEqual({ status: "rejected", code: "unsupported_format" });
});

test("a format that is not supported is refused with its code when the image is created", async () => {
  const uploading = client.upload(new File(["x"], "x.svg", { type: "image/svg+xml" }));
  await expect(uploading).rejects.toMatchObject({ code: "unsupported_format", status: 415 });
});

test("an invalid request throws its code and fields, and is not retried", async () => {
  const uploading = client.upload(new File(["x"], "x.png", { type: "image/png" }), {
    title: "x".repeat(201),
  });
  await expect(uploading).rejects.toMatchObject({
    name: "ClientError",
    code: "invalid_request",
    status: 400,
    fields: [{ pointer: "/title" }],
  });
});

test("lists every image once, page by page, and requests no page that is not needed", async () => {
  const ids = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const { id } = await client.upload(new File([`no picture ${i}`], "x.jpg", { type: "image/jpeg" }));
    ids.add(id);
  }
  const asked: string[] = [];
  const counting = createClient({
    baseUrl: cloud.url,
    fetch: (url, init) => {
      asked.push(url);
      return fetch(url, init);
    },
  });
  const listed: Image[] = [];
  for await (const image of counting.images.list({ limit: 2 })) listed.push(image);
  expect(new Set(listed.map(({ id }) => id)).size).toBe(listed.length);
  expect([...ids].filter((id) => !listed.some((image) => image.id === id))).toEqual([]);
  expect(asked).toHaveLength(Math.ceil(listed.length / 2));

  asked.length = 0;
  for await (const _ of counting.images.list({ limit: 2 })) break;
  expect(asked).toHaveLength(1);
});

test("a deleted image is not found, and its audit trail stays", async () => {
  const { id } = await client.upload(await photo(100, 100));
  await client.images.remove(id);
  await expect(client.images.get(id)).rejects.toMatchObject({ code: "image_not_found", status: 404 });
  const types = (await client.images.events(id)).map(({ type }) => type);
  expect(types.slice(0, 4)).toEqual(["announced", "uploaded", "ready", "deleting"]);
});

test("a repeated deletion succeeds; deleting an unknown image fails", async () => {
  const { id } = await client.upload(await photo(90, 90));
  let lost = 0;
  const unlucky = createClient({
    baseUrl: cloud.url,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (init.method === "DELETE" && lost++ === 0) throw new TypeError("fetch failed");
      return response;
    },
  });
  await unlucky.images.remove(id);
  expect(lost).toBe(2);
  await unlucky.images.remove(id);
  const unknown = unlucky.images.remove(`img_${"0".repeat(26)}`);
  await expect(unknown).rejects.toMatchObject({ code: "image_not_found" });
});

/** Faults injected into the next writes to S3: refused, cut before or after they arrive, or never accepted. */
type Fault = "none" | "503" | "before" | "after" | "stall";
const faults: Fault[] = [];
const written: string[] = [];
const realFetch = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const url = String(input);
  const isWrite = url.startsWith(cloud?.s3Url) && (init?.method === "PUT" || init?.method === "POST");
  if (!isWrite) return realFetch(input, init);
  const fault = faults.shift();
  if (fault === "503") return new Response("<Error><Code>SlowDown</Code></Error>", { status: 503 });
  if (fault === "before") throw new TypeError("fetch failed");
  if (fault === "stall") await new Promise((_, reject) => init?.signal?.addEventListener("abort", reject));
  const response = await realFetch(input, init);
  if (response.ok)
    written.push(`${init?.method} ${new URL(url).searchParams.get("partNumber") ?? ""}`.trim());
  if (fault === "after") throw new TypeError("fetch failed");
  return response;
};

afterEach(() => {
  faults.length = 0;
  written.length = 0;
});

test.each<{ injected: Fault[] }>([
  { injected: ["503"] },
  { injected: ["before", "before"] },
  { injected: ["after"] },
  { injected: ["503", "before", "after"] },
])("a file is uploaded once and unchanged through $injected", async ({ injected }) => {
  const file = await photo(700, 500);
  faults.push(...injected);
  const image = await client.upload(file);
  expect(faults).toEqual([]);
  expect(image).toMatchObject({ status: "ready", source: { bytes: file.size } });
});

test("gives up after `tries` attempts with the error code of S3", async () => {
  faults.push("503", "503");
  const uploading = client.upload(await photo(100, 100), { tries: 2 });
  await expect(uploading).rejects.toMatchObject({
    code: "upload_refused",
    status: 503,
    message: "S3 refused the upload with 503 SlowDown.",
  });
});

test("S3 refuses a file with another hash than declared, and that is not retried", async () => {
  const uploading = client.upload(await photo(100, 100), {
    sha256: createHash("sha256").update("another file").digest("hex"),
  });
  await expect(uploading).rejects.toMatchObject({ code: "upload_refused", status: 400, isTransient: false });
});

test("an upload cancelled before the last byte leaves no image behind", async () => {
  const cancel = new AbortController();
  const reason = new Error("The person left.");
  let announced: string | undefined;
  const watching = createClient({
    baseUrl: cloud.url,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (init.method === "POST") announced = ((await response.clone().json()) as Image).id;
      return response;
    },
  });
  const uploading = watching.upload(await photo(3000, 2000), {
    signal: cancel.signal,
    onProgress: ({ sent }) => sent > 0 && cancel.abort(reason),
  });
  await expect(uploading).rejects.toBe(reason);
  await expect(client.images.get(announced ?? "")).rejects.toMatchObject({ code: "image_not_found" });
});

test("wait throws timed_out after `seconds`", async () => {
  const announced = await realFetch(`${cloud.url}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ filename: "never.jpg", contentType: "image/jpeg", bytes: 1 }),
  });
  const { id } = (await announced.json()) as Image;
  await expect(client.images.wait(id, { seconds: 1 })).rejects.toMatchObject({ code: "timed_out" });
});

test("a file over 16 MB is uploaded in parts, unchanged", async () => {
  const file = large();
  const progress: Progress[] = [];
  const image = await client.upload(file, { title: "Large", onProgress: (step) => progress.push(step) });
  expect(image).toMatchObject({ status: "rejected", title: "Large", source: await factsOf(file) });
  expect(written.sort()).toEqual(["POST", "POST", "PUT 1", "PUT 2", "PUT 3"]);
  expect(progress.at(0)?.sent).toBe(0);
  expect(progress.findLast(({ phase }) => phase === "uploading")?.sent).toBe(file.size);
});

test.each<{ what: string; injected: Fault[] }>([
  { what: "the beginning", injected: ["503", "after"] },
  { what: "the parts", injected: ["none", "503", "before", "after", "503"] },
  { what: "the end", injected: ["none", "none", "none", "none", "after", "503"] },
])("a multipart upload survives faults at $what", async ({ injected }) => {
  const file = large();
  faults.push(...injected);
  const image = await client.upload(file);
  expect(faults).toEqual([]);
  expect(image).toMatchObject({ status: "rejected", source: await factsOf(file) });
});

test("a resumed upload sends only the missing parts", async () => {
  const file = large();
  const cancel = new AbortController();
  let ticket: Ticket | undefined;
  const uploading = client.upload(file, {
    signal: cancel.signal,
    onTicket: (given) => {
      ticket = JSON.parse(JSON.stringify(given));
    },
  });
  faults.push("none", "none", "stall", "stall");
  // Any of the three: they are signed at the same time.
  const parts = () => written.filter((each) => each.startsWith("PUT"));
  // The other two may still be being signed: both must have met their fault.
  await vi.waitUntil(() => parts().length > 0 && faults.length === 0, 10_000);
  const [first = ""] = parts();
  cancel.abort();
  await expect(uploading).rejects.toMatchObject({ name: "AbortError" });
  written.length = 0;

  const progress: Progress[] = [];
  const image = await client.upload(file, { resume: ticket, onProgress: (step) => progress.push(step) });
  expect(image).toMatchObject({ id: ticket?.id, status: "rejected", source: await factsOf(file) });
  expect(written.sort()).toEqual(["POST", ...["PUT 1", "PUT 2", "PUT 3"].filter((part) => part !== first)]);
  expect(progress[1]?.sent).toBe(first === "PUT 3" ? 17_000_001 - 2 * 6_291_456 : 6_291_456);

  const again = await client.upload(file, { resume: ticket });
  expect(again.status).toBe("rejected");
});

test("a part that fails permanently ends the upload with the error code of S3", async () => {
  faults.push("none", "503", "503", "503", "503", "503", "503");
  await expect(client.upload(large(), { tries: 2 })).rejects.toMatchObject({
    code: "upload_refused",
    message: "S3 refused the upload with 503 SlowDown.",
  });
});

/** Random bytes, 17 MB: three parts, the last one smaller. */
function large(): File {
  return new File([randomBytes(17_000_001)], "large.jpg", { type: "image/jpeg" });
}

async function factsOf(file: File) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { bytes: file.size, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** A JPEG of noise, different each time. */
async function photo(width: number, height: number): Promise<File> {
  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  const bytes = await sharp({ create: { width, height, channels: 3, background: "#000", noise } })
    .jpeg()
    .toBuffer();
  return new File([new Uint8Array(bytes)], "photo.jpg", { type: "image/jpeg" });
}
