/** The upload queue against the API and S3 in this process: kills at every step, many phones, one image per photo. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createUploads, memoryStore, type Store, type UploadsOptions } from "@image-pipeline/client/uploads";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { send } from "../../../client/src/send.ts";
import { createWorld, type MemoryWorld } from "../api/memory.fixture.ts";

const phones = process.env.PROVE ? 10_000 : 100;
const queued = process.env.PROVE ? 1000 : 100;

let world: MemoryWorld;
beforeAll(async () => {
  world = await createWorld({ anonymous: true, pendingMax: 0, uploadsPerDayMax: 0, bytesPerDayMax: 0 });
});
afterAll(() => world.stop());

type Image = { id: string; filename: string; status: string };
type Life = { steps: number; dies: Promise<void>; parts: Pick<UploadsOptions, "store" | "fetch" | "send"> };

/** Photo whose bytes and name are unique to `name`. */
const photo = (name: string) => new File([`bytes of ${name}`], name, { type: "image/jpeg" });

/** Number of things that exist at once, and the most there have been. */
class Peak {
  most = 0;
  #now = new Set<unknown>();
  add(item: unknown): void {
    this.#now.add(item);
    this.most = Math.max(this.most, this.#now.size);
  }
  remove(item: unknown): void {
    this.#now.delete(item);
  }
  async during<Result>(run: () => Result | Promise<Result>): Promise<Result> {
    const item = {};
    this.add(item);
    try {
      return await run();
    } finally {
      this.remove(item);
    }
  }
}

/** Ids of images whose original was written, by file name. S3 refuses a second write, so each is one photo. */
class Server {
  readonly stored = new Map<string, Set<string>>();
  readonly send: typeof send = async (target, body, options) => {
    const answer = await send(target, body, options);
    const key = new URL(target.url).pathname;
    if (answer.status === 200 && body instanceof File) {
      this.stored.set(body.name, (this.stored.get(body.name) ?? new Set()).add(key));
    }
    return answer;
  };
}

/**
 * Life of a process that dies at step `last`: a step is a moment before or after a write of the store or a request. From
 * then on nothing that it began comes back.
 */
function live(store: Store, server: Server, last: number): Life {
  let die: () => void = () => undefined;
  const life: Life = {
    steps: 0,
    dies: new Promise((resolve) => {
      die = resolve;
    }),
    parts: { store, fetch: world.fetch, send: server.send },
  };
  const moment = async () => {
    if (life.steps++ < last) return;
    die();
    await new Promise(() => undefined);
  };
  const mortal =
    <Args extends unknown[], Result>(run: (...args: Args) => Result | Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await moment();
      const result = await run(...args);
      await moment();
      return result;
    };
  life.parts = {
    store: {
      ...store,
      add: mortal(store.add),
      save: mortal(store.save),
      remove: mortal(store.remove),
      removeFile: mortal(store.removeFile),
    },
    fetch: mortal(world.fetch),
    send: mortal(server.send),
  };
  return life;
}

const start = (parts: Life["parts"], extra: Partial<UploadsOptions> = {}) => {
  const uploads = createUploads({ baseUrl: "http://api.test", ...parts, ...extra });
  onTestFinished(() => uploads.close());
  return uploads;
};

/** Adds a photo, dies at step `last`, and starts on the same store. Returns the steps lived and what was stored. */
async function phone(
  name: string,
  last: number,
  server: Server,
): Promise<{ isOver: boolean; added: boolean }> {
  const store = memoryStore();
  const life = live(store, server, last);
  const first = createUploads({ baseUrl: "http://api.test", ...life.parts });
  let added = false;
  const over = first.add(photo(name)).then(async ({ id }) => {
    added = true;
    await first.settled(id);
    return true;
  });
  const isOver = await Promise.race([over, life.dies.then(() => false)]);
  first.close();
  const second = createUploads({ baseUrl: "http://api.test", store, fetch: world.fetch, send: server.send });
  await second.ready;
  await Promise.all(second.list().map(({ id }) => second.settled(id)));
  const states = second.list().map(({ state }) => state);
  if (added) expect(states, `${name} at step ${last}`).toEqual(["uploaded"]);
  second.close();
  return { isOver, added: added || states.length > 0 };
}

test("a process that dies at any step leaves each photo on the server exactly once", async () => {
  const server = new Server();
  let lived = 0;
  for (let last = 0; ; last++) {
    const { isOver, added } = await phone(`step-${last}.jpg`, last, server);
    expect(server.stored.get(`step-${last}.jpg`)?.size ?? 0).toBe(added ? 1 : 0);
    if (isOver) break;
    lived = last;
  }
  expect(lived).toBeGreaterThan(8);
});

test(`${phones} phones that die at fixed steps, 8 at a time, leave each photo on the server exactly once`, {
  timeout: 1_800_000,
}, async () => {
  const server = new Server();
  let next = 0;
  let count = 0;
  const hand = async () => {
    for (let index = next++; index < phones; index = next++) {
      // 13 is coprime to the number of steps: every step is hit about equally often.
      const { added } = await phone(`phone-${index}.jpg`, (index * 13) % 20, server);
      if (added) count++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, hand));
  expect(count).toBeGreaterThan(phones / 2);
  expect(server.stored.size).toBe(count);
  expect([...server.stored.values()].filter((keys) => keys.size !== 1)).toEqual([]);
});

test("sends the local id as the idempotency key, the SHA-256 of the bytes and the description", async () => {
  const seen: { key: string | null; sha256: unknown }[] = [];
  const record: UploadsOptions["fetch"] = (url, init) => {
    const { sha256 } = JSON.parse(String(init.body)) as { sha256: unknown };
    seen.push({ key: new Headers(init.headers).get("idempotency-key"), sha256 });
    return world.fetch(url, init);
  };
  const uploads = start({ store: memoryStore(), fetch: record, send });
  const details = {
    title: "Harbour",
    focus: { x: 0.25, y: 0.5 },
    regions: [{ x: 0, y: 0, width: 0.5, height: 0.5, kind: "face" }],
  };
  const { id } = await uploads.add(photo("hash.jpg"), details);
  const done = await uploads.settled(id);
  const sha256 = createHash("sha256").update("bytes of hash.jpg").digest("hex");
  expect(seen).toEqual([{ key: `${id}-0`, sha256 }]);
  const image = (await (await world.ask(`/images/${done?.imageID}`)).json()) as Image;
  expect(image).toMatchObject({ ...details, filename: "hash.jpg" });
});

test(`${queued} queued uploads hold no more files and make no more requests at once than \`parallel\``, {
  timeout: 600_000,
}, async () => {
  const store = memoryStore();
  const [requests, held] = [new Peak(), new Peak()];
  const counted: typeof send = async (target, body, options) => {
    try {
      return await requests.during(() => send(target, body, options));
    } finally {
      if (body instanceof File) held.remove(body.name);
    }
  };
  const uploads = start(
    {
      store: {
        ...store,
        async file(id) {
          const file = await store.file(id);
          if (file instanceof File) held.add(file.name);
          return file;
        },
      },
      fetch: (url, init) => requests.during(() => world.fetch(url, init)),
      send: counted,
    },
    { parallel: 3 },
  );
  const ids = await Promise.all(
    Array.from({ length: queued }, (_, index) => uploads.add(photo(`p${index}.jpg`))),
  );
  await Promise.all(ids.map(({ id }) => uploads.settled(id)));
  expect(uploads.list().filter(({ state }) => state !== "uploaded")).toEqual([]);
  expect({ requests: requests.most, files: held.most }).toEqual({ requests: 3, files: 3 });
});

test("a 401 asks for a token, and the upload continues once the app has one", async () => {
  let isSignedIn = false;
  const refuse = { status: 401, headers: { "content-type": "application/problem+json" } };
  const fetch: UploadsOptions["fetch"] = (url, init) =>
    isSignedIn ? world.fetch(url, init) : new Response('{"code":"unauthenticated","title":"No."}', refuse);
  const uploads = start({ store: memoryStore(), fetch, send });
  const { id } = await uploads.add(photo("token.jpg"));
  await until(() => uploads.list()[0]?.state === "auth");
  expect(uploads.list()[0]?.error?.code).toBe("unauthenticated");
  isSignedIn = true;
  await uploads.authenticated();
  expect((await uploads.settled(id))?.state).toBe("uploaded");
});

test("an image that was deleted meanwhile is not uploaded again until the user retries", async () => {
  const server = new Server();
  const store = memoryStore();
  let fail = true;
  const uploads = start({
    store,
    fetch: world.fetch,
    send: async (...args) => (fail ? { status: 503, text: "" } : server.send(...args)),
  });
  const { id } = await uploads.add(photo("deleted.jpg"));
  await until(() => uploads.list()[0]?.state === "waiting");
  await world.ask(`/images/${uploads.list()[0]?.imageID}`, { method: "DELETE" });
  fail = false;
  expect(await uploads.settled(id)).toMatchObject({ state: "failed", error: { code: "image_not_found" } });
  await uploads.retry(id);
  expect((await uploads.settled(id))?.state).toBe("uploaded");
});

test("a captive portal's HTML is no success, from the API nor from S3", async () => {
  const html = "<!DOCTYPE html><title>Sign in</title>";
  let [api, s3] = [1, 1];
  const states: string[] = [];
  const uploads = start({
    store: memoryStore(),
    fetch: (url, init) => (api-- > 0 ? new Response(html) : world.fetch(url, init)),
    send: async (...args) => (s3-- > 0 ? { status: 200, text: html } : send(...args)),
  });
  uploads.subscribe(() => states.push(uploads.list()[0]?.state ?? ""));
  const { id } = await uploads.add(photo("portal.jpg"));
  expect((await uploads.settled(id))?.state).toBe("uploaded");
  expect(
    states.filter((state, index) => state === "waiting" && states[index - 1] !== "waiting"),
  ).toHaveLength(2);
});

test("a cancelled upload is deleted on the server and forgotten by the store", async () => {
  const store = memoryStore();
  const hang: UploadsOptions["send"] = (_target, _body, { signal } = {}) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const uploads = start({ store, fetch: world.fetch, send: hang });
  const { id } = await uploads.add(photo("cancel.jpg"));
  await until(() => uploads.list()[0]?.state === "sending");
  const imageID = uploads.list()[0]?.imageID;
  await uploads.cancel(id);
  expect(await uploads.settled(id)).toBeUndefined();
  expect(await store.entries()).toEqual([]);
  expect((await world.ask(`/images/${imageID}`)).status).toBe(404);
});

test("a file that the device no longer has fails with `file_missing`", async () => {
  const uploads = start({ store: memoryStore(), fetch: world.fetch, send }, { exists: () => false });
  const { id } = await uploads.add({
    uri: "file:///gone.jpg",
    name: "gone.jpg",
    type: "image/jpeg",
    size: 9,
  });
  expect(await uploads.settled(id)).toMatchObject({ state: "failed", error: { code: "file_missing" } });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}
