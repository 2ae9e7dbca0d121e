/** Resumption of queued uploads: killed multipart uploads, expiry, pauses, a full disk, `Retry-After`, cancellation. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  createUploads,
  memoryStore,
  type Store,
  type Uploads,
  type UploadsOptions,
} from "@image-pipeline/client/uploads";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { send } from "../../../client/src/send.ts";
import { createWorld, type MemoryWorld } from "../api/memory.fixture.ts";

/** Three parts of at most 6 MiB. */
const large = () => new File([new Uint8Array(17_000_000)], "large.jpg", { type: "image/jpeg" });
const small = (name: string) => new File([`bytes of ${name}`], name, { type: "image/jpeg" });

let world: MemoryWorld;
beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 0, uploadsPerDayMax: 0, bytesPerDayMax: 0 });
});
afterAll(() => world.stop());

type Fetch = NonNullable<UploadsOptions["fetch"]>;
type Signing = { method: string; partNumber?: number };

function start(store: Store, options: Partial<UploadsOptions> = {}): Uploads {
  const uploads = createUploads({ baseUrl: "http://api.test", store, fetch: world.fetch, ...options });
  onTestFinished(() => uploads.close());
  return uploads;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await sleep(5);
};

const hang = ({ signal }: { signal?: AbortSignal | null } = {}) =>
  new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

/** Records what is signed of multipart uploads; with `last`, no part after it gets a response. */
function signings(last = Number.POSITIVE_INFINITY) {
  const seen: Signing[] = [];
  const fetch: Fetch = (url, init) => {
    if (!String(url).endsWith("/uploads/sign")) return world.fetch(url, init);
    const { method, partNumber } = JSON.parse(String(init?.body)) as Signing;
    seen.push({ method, partNumber });
    return (partNumber ?? 0) > last ? hang(init) : world.fetch(url, init);
  };
  const parts = () => seen.flatMap(({ partNumber }) => partNumber ?? []);
  return { fetch, parts, seen };
}

async function presign(store: Store, method: string): Promise<string> {
  const [entry] = await store.entries();
  const json = { key: entry?.key, method, uploadId: entry?.uploadID };
  return ((await (await world.ask("/uploads/sign", { json })).json()) as { url: string }).url;
}

/** Returns a store with a multipart upload that was killed after its first part. */
async function killed(): Promise<{ store: Store; id: string }> {
  const store = memoryStore();
  const { fetch, parts } = signings(1);
  const uploads = start(store, { fetch });
  const { id } = await uploads.add(large());
  await until(() => parts().includes(2));
  uploads.close();
  return { store, id };
}

test("a multipart upload that was killed sends only the parts that S3 does not have", async () => {
  const { store, id } = await killed();
  const { fetch, seen } = signings();
  const done = await start(store, { fetch }).settled(id);
  expect(done).toMatchObject({ state: "uploaded", sent: 17_000_000 });
  expect(seen.map(({ method, partNumber }) => `${method} ${partNumber ?? ""}`.trim())).toEqual([
    "GET",
    "PUT 2",
    "PUT 3",
    "GET",
    "POST",
  ]);
});

test("a multipart upload that S3 no longer has begins again, for the same image", async () => {
  const { store, id } = await killed();
  const before = (await store.entry(id))?.imageID;
  expect((await fetch(await presign(store, "DELETE"), { method: "DELETE" })).status).toBe(204);
  const signed = signings();
  expect(await start(store, { fetch: signed.fetch }).settled(id)).toMatchObject({
    state: "uploaded",
    imageID: before,
  });
  expect(signed.parts()).toEqual([1, 2, 3]);
});

test("a cancelled multipart upload leaves no parts in S3", async () => {
  const store = memoryStore();
  const { fetch: signing, parts } = signings(1);
  const uploads = start(store, { fetch: signing });
  const { id } = await uploads.add(large());
  await until(() => parts().includes(2));
  const list = await presign(store, "GET");
  expect((await fetch(list)).status).toBe(200);
  await uploads.cancel(id);
  expect(await uploads.settled(id)).toBeUndefined();
  expect((await fetch(list)).status).toBe(404);
});

test("a photo whose pending image expired is uploaded as a new image", async () => {
  const store = memoryStore();
  const first = start(store, { send: (_target, _body, options) => hang(options) });
  const { id } = await first.add(small("lapsed.jpg"));
  await until(() => first.list()[0]?.state === "sending");
  const before = first.list()[0]?.imageID;
  first.close();
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  await ImageEntity.patch({ imageID: before ?? "" })
    .set({ expiresAt: 1 })
    .go();
  const done = await start(store).settled(id);
  expect(done?.state).toBe("uploaded");
  expect(done?.imageID).not.toBe(before);
});

test("`pause` aborts transfers and starts none, until `resume`", async () => {
  let isHanging = true;
  const aborted: unknown[] = [];
  const uploads = start(memoryStore(), {
    send: (target, body, options) => {
      options?.signal?.addEventListener("abort", () => aborted.push(target.url));
      return isHanging ? hang(options) : send(target, body, options);
    },
  });
  const first = await uploads.add(small("paused.jpg"));
  await until(() => uploads.list()[0]?.state === "sending");
  await uploads.pause();
  expect(aborted).toHaveLength(1);
  isHanging = false;
  const second = await uploads.add(small("added while paused.jpg"));
  expect(uploads.list().map(({ state }) => state)).toEqual(["queued", "queued"]);
  uploads.resume();
  for (const { id } of [first, second]) expect((await uploads.settled(id))?.state).toBe("uploaded");
});

test("an upload that waits for its lock makes no request after `pause`", async () => {
  const [locked, finished] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let requests = 0;
  const uploads = start(memoryStore(), {
    lock: async (_id, work) => {
      await locked.promise;
      await work();
      finished.resolve();
      return true;
    },
    fetch: (url, init) => {
      requests++;
      return world.fetch(url, init);
    },
  });
  const { id } = await uploads.add(small("locked.jpg"));
  await uploads.pause();
  locked.resolve();
  await finished.promise;
  expect(requests).toBe(0);
  uploads.resume();
  expect((await uploads.settled(id))?.state).toBe("uploaded");
});

test("a store that cannot write or read is reported as `store_failed`", async () => {
  const full = () => Promise.reject(new Error("The disk is full."));
  const uploads = start({ ...memoryStore(), add: full });
  await expect(uploads.add(small("full.jpg"))).rejects.toMatchObject({ code: "store_failed" });
  expect(uploads.list()).toEqual([]);
  await expect(start({ ...memoryStore(), entries: full }).ready).rejects.toMatchObject({
    code: "store_failed",
    message: expect.stringContaining("The disk is full.") as string,
  });
});

test("an upload whose store fails for a while reports it, and continues", async () => {
  const store = memoryStore();
  let failures = 1;
  const save: Store["save"] = (entry) =>
    failures-- > 0 ? Promise.reject(new Error("The disk is full.")) : store.save(entry);
  const uploads = start({ ...store, save });
  const { id } = await uploads.add(small("disk.jpg"));
  await until(() => uploads.list()[0]?.error?.code === "store_failed");
  expect(await uploads.settled(id)).toMatchObject({ state: "uploaded", error: undefined });
  expect((await store.entry(id))?.state).toBe("uploaded");
});

test("a cancellation that the store cannot save still deletes the image", async () => {
  const store = memoryStore();
  let isFull = false;
  const save: Store["save"] = (entry) =>
    isFull ? Promise.reject(new Error("The disk is full.")) : store.save(entry);
  const uploads = start({ ...store, save }, { send: async () => ({ status: 503, text: "" }) });
  const { id } = await uploads.add(small("cancel.jpg"));
  await until(() => uploads.list()[0]?.state === "waiting");
  const imageID = uploads.list()[0]?.imageID;
  isFull = true;
  await expect(uploads.cancel(id)).rejects.toMatchObject({ code: "store_failed" });
  expect(await uploads.settled(id)).toBeUndefined();
  expect((await world.ask(`/images/${imageID}`)).status).toBe(404);
});

test("a restart does not shorten a `Retry-After`", async () => {
  const store = memoryStore();
  const headers = { "content-type": "application/problem+json", "retry-after": "3600" };
  const refusal = '{"code":"quota_exceeded","title":"Too many uploads today."}';
  const first = start(store, { fetch: () => new Response(refusal, { status: 429, headers }) });
  const { id } = await first.add(small("later.jpg"));
  await until(() => first.list()[0]?.state === "waiting");
  first.close();
  const second = start(store);
  await second.ready;
  expect(second.list()).toMatchObject([{ state: "waiting", error: { code: "quota_exceeded" } }]);
  second.close();
  const entry = await store.entry(id);
  expect(entry?.hold).toMatchObject({ delayMs: 3_600_000 });
  if (entry) await store.save({ ...entry, hold: { until: Date.now(), delayMs: 3_600_000 } });
  expect((await start(store).settled(id))?.state).toBe("uploaded");
});
