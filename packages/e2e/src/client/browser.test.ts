import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type * as Client from "@image-pipeline/client";
import { createClient } from "@image-pipeline/client";
import type * as Placeholder from "@image-pipeline/client/placeholder";
import type * as Show from "@image-pipeline/client/show";
import type * as Sync from "@image-pipeline/client/sync";
import type * as Queue from "@image-pipeline/client/uploads";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle, startBrowser, throttle } from "../browser.fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";

/** Global name of the client's bundle in the page. */
declare const images: typeof Client & typeof Show & typeof Placeholder & typeof Queue & typeof Sync;

const site = createServer((request, response) => {
  const isScript = request.url === "/images.js";
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  response.end(isScript ? script : '<!doctype html><meta charset="utf-8"><script src="/images.js"></script>');
});
let script: string;
let cloud: TestCloud;
let context: BrowserContext;
let close: () => Promise<void>;

describeWith("chromium", "in Chromium", () => {
  beforeAll(async () => {
    script = await bundle();
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    cloud = await startTestCloud();
    ({ context, close } = await startBrowser(["--host-resolver-rules=MAP app.example 127.0.0.1"]));
  });

  afterAll(async () => {
    await close();
    await cloud.stop();
    await new Promise((resolve) => site.close(resolve));
  });

  test("a queued Blob survives a reload of the page, and two tabs upload it once", async () => {
    const before = await count();
    const page = await open();
    await page.evaluate(async () => {
      // No server listens here: the page is closed before the upload can begin.
      const uploads = images.createUploads({ baseUrl: "http://127.0.0.1:9", store: images.indexedDBStore() });
      await uploads.add(new File(["bytes"], "kept.jpg", { type: "image/jpeg" }), { title: "Kept" });
    });
    await page.reload();
    const run = async (baseUrl: string) => {
      const uploads = images.createUploads({ baseUrl, store: images.indexedDBStore() });
      await uploads.ready;
      const [upload] = uploads.list();
      return upload && (await uploads.settled(upload.id));
    };
    const other = await open();
    const done = await Promise.all([page, other].map((tab) => tab.evaluate(run, cloud.url)));
    expect(done).toMatchObject([{ state: "uploaded" }, { state: "uploaded" }]);
    expect(done[0]?.imageID).toBe(done[1]?.imageID);
    expect(await count()).toBe(before + 1);
  });

  test("a mirror survives a reload without a request, and is shared by two tabs", async () => {
    const create = async () => {
      const file = new File(["not a photo"], "a.jpg", { type: "image/jpeg" });
      return (await createClient({ baseUrl: cloud.url }).upload(file)).id;
    };
    const newest = async (url: string) => {
      const [image] = await images.indexedDBMirror("tabs").rows({ limit: 1 });
      const client = images.createClient({ baseUrl: url, tries: 1 });
      const mirror = images.sync(client, { store: images.indexedDBMirror("tabs"), pollSeconds: 3600 });
      await mirror.pull().catch(() => {});
      const [pulled] = await mirror.images({ limit: 1 });
      mirror.stop();
      return [image?.id, pulled?.id];
    };
    const [page, other] = [await open(), await open()];
    const first = await create();
    expect(await page.evaluate(newest, cloud.url)).toEqual([undefined, first]);
    await page.reload();
    expect(await page.evaluate(newest, "http://127.0.0.1:9")).toEqual([first, first]);
    const second = await create();
    const shown = await Promise.all([page, other].map((tab) => tab.evaluate(newest, cloud.url)));
    expect(shown.map(([, id]) => id)).toEqual([second, second]);
  });

  test("a mirror in IndexedDB saves a page whole or not at all, and drops what is old", async () => {
    const page = await open();
    const seen = await page.evaluate(async () => {
      const store = images.indexedDBMirror("contract");
      const rowOf = (id: string, round: number, expiresAt?: string) =>
        ({ id, round, expiresAt, image: { id, createdAt: id } }) as Sync.Row;
      const save = (cursor: string | undefined, next: string, more: Partial<Sync.Saved>) =>
        store.save(cursor, {
          ...{
            state: { cursor: next, round: 1, isComplete: true, beganAt: 0, savedAt: 0 },
            upserts: [],
            deletes: [],
          },
          ...{ now: "2026-11-26T10:00:00Z", ...more },
        });
      const ids = async (range = {}) => (await store.rows(range)).map(({ id }) => id).join();
      const upserts = [rowOf("a", 1), rowOf("b", 2), rowOf("c", 2, "2026-11-26T10:00:01Z"), rowOf("d", 2)];
      const steps: unknown[] = [await store.state(), await ids()];
      steps.push(await save(undefined, "1", { upserts }), await ids(), await ids({ limit: 2 }));
      steps.push(await ids({ limit: 2, after: { id: "d", createdAt: "d" } }));
      steps.push(await save("0", "2", { upserts: [rowOf("e", 2)], deletes: ["b"] }), await ids());
      steps.push(await save("1", "2", { deletes: ["d", "x"], before: 2 }), await ids());
      steps.push(await save("2", "3", { now: "2026-11-26T10:00:02Z" }), await ids());
      steps.push((await store.state())?.cursor, (await store.row("b"))?.round, await store.row("c"));
      return steps;
    });
    expect(seen).toEqual([
      ...[undefined, "", true, "d,c,b,a", "d,c", "c,b", false, "d,c,b,a"],
      ...[true, "c,b", true, "b", "3", 2, undefined],
    ]);
  });

  test("uploads a canvas, and shows its thumbnail and its placeholder", async () => {
    const page = await open();
    const shown = await page.evaluate(async (baseUrl) => {
      const canvas = new OffscreenCanvas(1400, 1000);
      const draw = canvas.getContext("2d");
      if (!draw) throw new Error("No canvas.");
      for (let i = 0; i < 5000; i++) {
        draw.fillStyle = `hsl(${i} 80% 50%)`;
        draw.fillRect(Math.random() * 1400, Math.random() * 1000, 90, 90);
      }
      const file = await canvas.convertToBlob({ type: "image/jpeg" });
      const phases: string[] = [];
      const image = await images
        .createClient({ baseUrl })
        .upload(file, { filename: "drawn.jpg", onProgress: ({ phase }) => phases.push(phase) });
      const load = async (src: string) => {
        const element = new Image();
        element.src = src;
        await element.decode();
        return [element.naturalWidth, element.naturalHeight];
      };
      return {
        status: image.status,
        filename: image.filename,
        phases: [...new Set(phases)],
        thumbnail: await load(image.variants?.thumbnail?.url ?? ""),
        placeholder: await load(images.thumbhashURL(image.placeholder?.thumbhash ?? "")),
        srcset: images.srcset(image).match(/\d+w/g),
      };
    }, cloud.url);
    expect(shown).toEqual({
      status: "ready",
      filename: "drawn.jpg",
      phases: ["uploading", "processing"],
      thumbnail: [200, 200],
      placeholder: [32, 23],
      srcset: ["480w", "1080w", "1400w"],
    });
  });

  test("progress follows the network: at 400 kB/s a megabyte takes over two seconds, in steps spread over the file", async () => {
    const page = await open();
    await throttle(page, 400_000);
    const { steps, took } = await page.evaluate(async (baseUrl) => {
      const file = new File([new Uint8Array(1_000_000)], "grey.jpg", { type: "image/jpeg" });
      const steps: { sent: number; at: number }[] = [];
      const began = performance.now();
      await images.createClient({ baseUrl }).upload(file, {
        onProgress: ({ phase, sent }) =>
          phase === "uploading" && steps.push({ sent, at: performance.now() - began }),
      });
      return { steps, took: performance.now() - began };
    }, cloud.url);
    expect(took).toBeGreaterThan(2000);
    expect(steps.length).toBeGreaterThan(10);
    expect(steps.at(-1)?.sent).toBe(1_000_000);
    const halfway = steps.findIndex(({ sent }) => sent >= 500_000);
    expect(steps[halfway]?.at).toBeGreaterThan(600);
    expect([halfway > 3, steps.length - halfway > 3]).toEqual([true, true]);
  });

  test("a file over 16 MB is uploaded in parts across origins", async () => {
    const page = await open();
    const { status, bytes, last } = await page.evaluate(async (baseUrl) => {
      const file = new File([new Uint8Array(17_000_001)], "grey.jpg", { type: "image/jpeg" });
      let last = 0;
      const { status, source } = await images.createClient({ baseUrl }).upload(file, {
        onProgress({ sent }) {
          last = sent;
        },
      });
      return { status, bytes: source.bytes, last };
    }, cloud.url);
    expect({ status, bytes, last }).toEqual({ status: "rejected", bytes: 17_000_001, last: 17_000_001 });
  });

  test("an upload survives a network that is down for a while", async () => {
    const page = await open();
    await throttle(page, 500_000);
    await page.exposeFunction("cut", async () => {
      const failed = page.waitForEvent("requestfailed");
      await throttle(page, 0);
      await failed;
      await throttle(page, 1e9);
    });
    const { status, code, isCut } = await page.evaluate(async (baseUrl) => {
      const file = new File([new Uint8Array(1_500_000)], "grey.jpg", { type: "image/jpeg" });
      const { cut } = globalThis as unknown as { cut: () => Promise<void> };
      let isCut = false;
      const { status, error } = await images.createClient({ baseUrl }).upload(file, {
        onProgress({ sent }) {
          if (isCut || sent < 300_000) return;
          isCut = true;
          void cut();
        },
      });
      return { status, code: error?.code, isCut };
    }, cloud.url);
    expect({ status, code, isCut }).toEqual({ status: "rejected", code: "unsupported_format", isCut: true });
  });

  test("a cancelled upload rejects with the signal's reason and leaves no image behind", async () => {
    const page = await open();
    await throttle(page, 200_000);
    const before = await count();
    const name = await page.evaluate(async (baseUrl) => {
      const file = new File([new Uint8Array(2_000_000)], "grey.jpg", { type: "image/jpeg" });
      const cancel = new AbortController();
      const uploading = images.createClient({ baseUrl }).upload(file, {
        signal: cancel.signal,
        onProgress: ({ sent }) => sent > 0 && cancel.abort(),
      });
      return uploading.then(
        () => "uploaded",
        (error: Error) => error.name,
      );
    }, cloud.url);
    expect(name).toBe("AbortError");
    expect(await count()).toBe(before);
  });

  test("an error names CORS and the origin to add where the API refuses the page", async () => {
    const page = await open(origin("app.example"));
    const message = await page.evaluate(
      (baseUrl) =>
        images
          .createClient({ baseUrl, tries: 1 })
          .upload(new Blob(["x"], { type: "image/png" }), { filename: "a.png" })
          .then(
            () => "uploaded",
            (error: Error) => error.message,
          ),
      cloud.url,
    );
    expect(message).toContain(`No response from ${cloud.url}.`);
    expect(message).toContain(`add ${origin("app.example")} to CORS_ORIGINS`);
  });
});

const origin = (host = "127.0.0.1") => `http://${host}:${(site.address() as AddressInfo).port}`;

async function open(url = origin()): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

async function count(): Promise<number> {
  const answer = (await (await fetch(`${cloud.url}/images?limit=100`)).json()) as { items: unknown[] };
  return answer.items.length;
}
