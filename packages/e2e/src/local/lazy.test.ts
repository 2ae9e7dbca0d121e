/** Lazy files of `npm start`, and of the deployed handler on its table and buckets. */
import { fileURLToPath } from "node:url";
import { photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import type { Lazy } from "@image-pipeline/core/pipeline/lazy";
import { Settings } from "@image-pipeline/core/settings";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";

vi.mock(import("@image-pipeline/core/engine/recipe"), async (product) => {
  const { lazyModule } = await import("@image-pipeline/core/engine/fixture-lazy");
  return lazyModule(await product()) as never;
});

type Shown = { url: string; contentType: string; bytes?: number };
type Variant = Shown & { width: number; height: number; formats: Record<string, Shown> };
type Variants = Record<string, Variant & { widths: Variant[] }>;

const rendersPerDayMax = 500;
const memoryMB = 1024;
const secret = "the-secret-of-the-router";
const settings: Settings.Pipeline = { ...Settings.pipelineDefaults, trashDays: 0, rendersPerDayMax };
let cloud: TestCloud;
/** Core's modules, which read where the table is when they are loaded. */
let core: Awaited<ReturnType<typeof load>>;

async function load() {
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { Lazy } = await import("@image-pipeline/core/pipeline/lazy");
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  const { Doctor } = await import("@image-pipeline/core/pipeline/doctor");
  const { Quota } = await import("@image-pipeline/core/images/quota");
  const { UsageEntity } = await import("@image-pipeline/core/table/usage-entity");
  const { handler } = await import("@image-pipeline/functions/renderer");
  return { Storage, Lazy, Reconcile, Doctor, Quota, UsageEntity, handler };
}

beforeAll(async () => {
  const hooks = import.meta.resolve("@image-pipeline/core/engine/fixture-lazy-hooks");
  process.env.NODE_OPTIONS = `--import ${fileURLToPath(hooks)}`;
  process.env.SST_RESOURCE_OriginSecret = JSON.stringify({ previous: "", current: secret, next: "" });
  cloud = await startTestCloud({ anonymous: true, rendersPerDayMax }, { workers: 2 });
  core = await load();
}, 60_000);

afterAll(() => cloud.stop());

/** Uploads an image and returns it when it is ready. */
async function upload(
  bytes: Buffer,
  fields: object = {},
): Promise<Omit<Image.Info, "variants"> & { variants: Variants }> {
  const body = { filename: "a.jpg", contentType: "image/jpeg", bytes: bytes.length, ...fields };
  const headers = { "content-type": "application/json" };
  const created = await fetch(`${cloud.url}/images`, { method: "POST", headers, body: JSON.stringify(body) });
  const { id, upload } = await created.json();
  await fetch(upload.url, { method: upload.method, headers: upload.headers, body: new Uint8Array(bytes) });
  const image = await (await fetch(`${cloud.url}/images/${id}?wait=20`)).json();
  expect(image.status).toBe("ready");
  return image;
}

const landscape = () => photo({ width: 800, height: 600 });
const keyOf = (url: string) => new URL(url).pathname.slice("/media/".length);
const pixelsOf = async (bytes: Buffer) =>
  sharp(bytes).removeAlpha().resize(40, 40, { fit: "fill" }).raw().toBuffer();

/** Returns the keys in the processed bucket of an image. */
async function stored(id: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of core.Storage.pages("processed", undefined, `${id}/`))
    keys.push(...page.map(({ key }) => key));
  return keys.map((key) => key.slice(key.lastIndexOf("/") + 1)).sort();
}

/** Returns the number of renders of today. */
async function renders(): Promise<number> {
  const day = new Date().toISOString().slice(0, 10);
  const { data } = await core.UsageEntity.get({ owner: "default", day }).go({ consistent: true });
  return data?.rendersOfAll ?? 0;
}

const make = (url: string): Promise<Lazy.Made> => core.Lazy.make(keyOf(url), settings, memoryMB);

/** Calls `around` in place of each conditional write of a variant in this process. */
function aroundWrites(around: (write: () => Promise<unknown>) => Promise<unknown>): void {
  const { middlewareStack } = core.Storage.client();
  middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const isConditional = commandName === "PutObjectCommand" && "IfNoneMatch" in args.input;
        return isConditional
          ? ((await around(() => next(args))) as Awaited<ReturnType<typeof next>>)
          : next(args);
      },
    { step: "initialize", name: "around-writes", override: true },
  );
}
afterEach(() => void core.Storage.client().middlewareStack.remove("around-writes"));

// First: it fills the day of a few renders.
test("an owner has a quarter of the day's renders, and the operator all that are left", async () => {
  const few = { rendersPerDayMax: 12 };
  const allowed = async (owner: string) => {
    let count = 0;
    while (await core.Quota.render(owner, few)) count++;
    return count;
  };
  expect([await allowed("alice"), await allowed("bob"), await allowed("default")]).toEqual([3, 3, 6]);
  expect(await core.Quota.render("alice", { rendersPerDayMax: 0 })).toBe(true);
});

describe("a lazy file", () => {
  test("is in the answer of the API without bytes, and in the bucket only once it was requested", async () => {
    const { id, variants } = await upload(await landscape());
    const { poster, square, small } = variants as Required<Variants>;
    expect(poster).toMatchObject({ width: 640, height: 480, format: "jpeg", contentType: "image/jpeg" });
    expect(poster?.url).toMatch(/\/poster\.avif\.webp\.jpg$/);
    expect(poster?.bytes).toBeUndefined();
    expect(poster?.widths.map(({ width, height }) => [width, height])).toEqual([
      [160, 120],
      [320, 240],
    ]);
    expect(poster?.widths[0]?.url).toMatch(/\/poster@160\.avif\.webp\.jpg$/);
    expect(square?.formats.webp?.bytes).toBeGreaterThan(0);
    expect(square?.formats.jpeg?.bytes).toBeUndefined();
    expect(small?.bytes).toBeGreaterThan(0);
    const before = ["large.webp", "medium.webp", "small.webp", "square.webp", "thumbnail.webp"];
    expect(await stored(id)).toEqual(before);

    const url = poster?.widths[0]?.url ?? "";
    const first = await fetch(url, { headers: { accept: "image/avif,image/webp,*/*" } });
    expect([first.status, first.headers.get("content-type")]).toEqual([200, "image/avif"]);
    const bytes = Buffer.from(await first.arrayBuffer());
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 160, height: 120 });
    expect(await stored(id)).toEqual([...before, "poster@160.avif"].sort());

    const again = await fetch(poster?.widths[0]?.formats.avif?.url ?? "");
    expect(Buffer.from(await again.arrayBuffer()).equals(bytes)).toBe(true);
    const whole = await fetch(small?.url ?? "");
    for (const name of ["cache-control", "accept-ranges", "vary", "content-security-policy"])
      for (const response of [first, again]) expect(response.headers.get(name)).toBe(whole.headers.get(name));
    expect(again.headers.get("etag")).toBe(first.headers.get("etag"));
  });

  test("shows the same as the variant, in each of its formats and widths", async () => {
    const { variants } = await upload(await landscape());
    const { poster, small } = variants;
    const expected = await pixelsOf(Buffer.from(await (await fetch(small?.url ?? "")).arrayBuffer()));
    for (const { formats, width, height } of [poster, ...(poster?.widths ?? [])].filter(
      (each) => each !== undefined,
    )) {
      for (const { url, contentType } of Object.values(formats)) {
        const file = await fetch(url);
        expect([file.status, file.headers.get("content-type")]).toEqual([200, contentType]);
        const bytes = Buffer.from(await file.arrayBuffer());
        expect(await sharp(bytes).metadata()).toMatchObject({ width, height });
        const apart = (await pixelsOf(bytes)).map((value, at) => Math.abs(value - (expected[at] ?? 0)));
        expect(apart.reduce((sum, each) => sum + each, 0) / apart.length).toBeLessThan(6);
      }
    }
  });

  test("is cropped around the focus, as a stored one is", async () => {
    const { id, variants, version } = await upload(await landscape(), { focus: { x: 0.05, y: 0.5 } });
    const moved = await fetch(`${cloud.url}/images/${id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json", "if-match": `W/"v${version}"` },
      body: JSON.stringify({ focus: { x: 0.95, y: 0.5 } }),
    });
    expect(moved.status).toBe(200);
    const old = await (await fetch(`${cloud.url}/images/${id}?wait=20`)).json();
    await cloud.settled();
    const after = await (await fetch(`${cloud.url}/images/${id}`)).json();
    expect(old.id).toBe(id);
    // Replaced, and not made for clients that hold the old answer.
    expect(await make(variants.square?.formats.jpeg?.url ?? "")).toEqual({ is: "missing" });
    const [jpeg, webp] = await Promise.all(
      ["jpeg", "webp"].map(async (format) => {
        const file = await fetch(after.variants.square.formats[format].url);
        expect(file.status).toBe(200);
        return pixelsOf(Buffer.from(await file.arrayBuffer()));
      }),
    );
    const apart = [...(jpeg ?? [])].map((value, at) => Math.abs(value - (webp?.[at] ?? 0)));
    expect(apart.reduce((sum, each) => sum + each, 0) / apart.length).toBeLessThan(6);
  });

  test("has the answers of a stored one to HEAD and to a range, at the first request", async () => {
    const { variants } = await upload(await landscape());
    const [narrow, wide] = variants.poster?.widths ?? [];
    const head = await fetch(narrow?.formats.webp?.url ?? "", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "image/webp"]);
    const range = await fetch(wide?.formats.webp?.url ?? "", { headers: { range: "bytes=0-3" } });
    expect([range.status, await range.text()]).toEqual([206, "RIFF"]);
  });
});

describe("no file is made", () => {
  test("for a key that no record names, however it is written, and no render is counted", async () => {
    const { id, variants } = await upload(await landscape());
    const folder = keyOf(variants.small?.url ?? "").replace(/\/[^/]*$/, "");
    const before = [await renders(), await stored(id)];
    const keys = [
      ...["poster@161.webp", "poster@0160.webp", "poster@160.png", "poster@-1.webp", "poster@1e2.webp"],
      ...["small@160.webp", "other.webp", "other@160.webp", "constructor.webp", "__proto__@160.webp"],
      ...["poster@160.webp.jpg.avif.webp", "poster@160@160.webp", "@160.webp", "poster@160", "square.avif"],
      ...["poster@160.webp/", "poster@160.webp/x", "../poster@160.webp", "%2e%2e%2fposter@160.webp"],
      ...["poster@160.webp%00", "poster%252f160.webp", "%ff.webp", "a".repeat(2_000)],
      `poster@${"1".repeat(900)}.webp`,
    ].map((name) => `${folder}/${name}`);
    const others = [
      folder.replace(id, "img_01KAR5ZJ5V0000000000000000"),
      folder.replace(/\/1-/, "/2-"),
      folder.toLowerCase(),
    ].map((other) => `${other}/poster@160.webp`);
    for (const key of [...keys, ...others, "poster@160.webp", "", id]) {
      const here = await fetch(`${cloud.url}/media/${key}`);
      const event = { rawPath: `/${key}`, headers: { "x-origin-secret": secret } };
      const deployed = await core.handler(event, { memoryLimitInMB: "1024" });
      expect([key, here.status, deployed.statusCode]).toEqual([key, 404, 404]);
    }
    expect([await renders(), await stored(id)]).toEqual(before);
  });

  test("of an image that is deleted", async () => {
    const { id, variants } = await upload(await landscape());
    await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" });
    expect((await fetch(variants.poster?.url ?? "")).status).toBe(404);
    await cloud.settled();
    expect((await fetch(variants.poster?.url ?? "")).status).toBe(404);
    expect(await stored(id)).toEqual([]);
  });

  test("for a request that did not come through CloudFront", async () => {
    const { variants } = await upload(await landscape());
    const rawPath = `/${keyOf(variants.poster?.formats.webp?.url ?? "")}`;
    const before = await renders();
    for (const headers of [{}, { "x-origin-secret": "" }, { "x-origin-secret": `${secret}x` }]) {
      const { statusCode } = await core.handler({ rawPath, headers }, { memoryLimitInMB: "1024" });
      expect(statusCode).toBe(403);
    }
    expect(await renders()).toBe(before);
  });
});

describe("whatever happens meanwhile", () => {
  test("simultaneous requests end as one object, which each of them gets", async () => {
    const { variants } = await upload(await landscape());
    const url = variants.poster?.formats.webp?.url ?? "";
    const arrived = Promise.withResolvers<void>();
    let waiting = 0;
    const results: string[] = [];
    // Both have rendered before either of them writes.
    aroundWrites(async (write) => {
      waiting++;
      if (waiting === 2) arrived.resolve();
      await arrived.promise;
      try {
        const result = await write();
        results.push("written");
        return result;
      } catch (error) {
        if (error instanceof Error) results.push(error.name);
        throw error;
      }
    });
    const made = await Promise.all([make(url), make(url)]);
    const [first, second] = made.map((each) => (each.is === "made" ? each : undefined));
    expect(first?.etag).toBe(second?.etag);
    expect(second && first?.bytes.equals(second.bytes)).toBe(true);
    expect(results.sort()).toEqual(["PreconditionFailed", "written"]);
    expect((await fetch(url)).headers.get("etag")).toBe(first?.etag);
  });

  test("a file that was rendered while its image was deleted is removed, and the request gets 404", async () => {
    const { id, variants } = await upload(await landscape());
    const url = variants.poster?.formats.webp?.url ?? "";
    aroundWrites(async (write) => {
      await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" });
      await cloud.settled();
      expect(await stored(id)).toEqual([]);
      return write();
    });
    expect(await make(url)).toEqual({ is: "missing" });
    expect(await stored(id)).toEqual([]);
  });

  test("a file that is written before the deletion of its image is removed by it", async () => {
    const { id, variants } = await upload(await landscape());
    expect((await fetch(variants.poster?.url ?? "")).status).toBe(200);
    await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" });
    await cloud.settled();
    expect(await stored(id)).toEqual([]);
  });

  test("a file whose renderer died before it saw the deletion is an orphan to the reconciler", async () => {
    const { id, variants } = await upload(await landscape());
    const url = variants.poster?.formats.webp?.url ?? "";
    aroundWrites(async (write) => {
      await fetch(`${cloud.url}/images/${id}`, { method: "DELETE" });
      await cloud.settled();
      await write();
      throw new Error("killed");
    });
    await expect(make(url)).rejects.toThrow("killed");
    expect(await stored(id)).toEqual(["poster.webp"]);
    const listed = { key: keyOf(url), etag: "", modified: Date.now() - 2 * 86_400_000 };
    expect(await core.Reconcile.orphans([listed])).toEqual([listed.key]);
  });

  test("a lazy file is no orphan while its record names it, and none that was not made is missing", async () => {
    const { id, variants } = await upload(await landscape());
    const url = variants.poster?.formats.webp?.url ?? "";
    const key = keyOf(url);
    const modified = Date.now() - 2 * 86_400_000;
    expect((await fetch(url)).status).toBe(200);
    expect(await core.Reconcile.orphans([{ key, etag: "", modified }])).toEqual([]);
    const findings = [];
    for await (const step of core.Doctor.inspect(-60_000)) findings.push(...step.findings);
    expect(findings.filter(({ imageID }) => imageID === id)).toEqual([]);
  });

  test("reprocessing replaces lazy files too", async () => {
    const { id, variants } = await upload(await landscape());
    const url = variants.poster?.formats.webp?.url ?? "";
    expect((await fetch(url)).status).toBe(200);
    await fetch(`${cloud.url}/images/${id}/reprocess`, { method: "POST" });
    await cloud.settled();
    const after = await (await fetch(`${cloud.url}/images/${id}`)).json();
    expect(after.variants.poster.url).not.toBe(variants.poster?.url);
    expect((await fetch(after.variants.poster.url)).status).toBe(200);
    // For a day, for clients that hold the old answer.
    expect((await fetch(url)).status).toBe(200);
    expect(await make(variants.poster?.formats.avif?.url ?? "")).toEqual({ is: "missing" });
  });
});

test("a response holds at most what Lambda sends; a larger file is read from the bucket after a redirect", async () => {
  const { responseOf } = await import("@image-pipeline/functions/renderer");
  const made = (size: number) => ({
    is: "made" as const,
    bytes: Buffer.alloc(size),
    contentType: "image/webp",
    etag: '"0"',
  });
  const path = "/img_1/1-0/poster@160.webp";
  const large = responseOf(made(4_500_000), path);
  expect(large.statusCode).toBe(200);
  // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
  expect(JSON.stringify(large).length).toBeLessThan(6 * 1024 * 1024);
  expect(responseOf(made(4_500_001), path)).toEqual({
    statusCode: 307,
    headers: { location: `/media${path}`, "cache-control": "no-store" },
  });
});

test("above the day's renders, requests get 503 with the time of a retry; files that were made are served", async () => {
  const { variants } = await upload(await landscape());
  const made = variants.poster?.widths[0]?.formats.webp?.url ?? "";
  expect((await fetch(made)).status).toBe(200);
  while (await core.Quota.render("default", settings));
  expect(await renders()).toBe(rendersPerDayMax);
  const refused = await fetch(variants.poster?.url ?? "");
  expect([refused.status, refused.headers.get("content-type")]).toEqual([503, "application/problem+json"]);
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(86_400);
  expect(refused.headers.get("cache-control")).toBe("public, max-age=60");
  expect((await fetch(made)).status).toBe(200);
  expect(await renders()).toBe(rendersPerDayMax);
});
