/** Hooks of React against a local cloud, rendered without a DOM as in React Native, in StrictMode. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Client, createClient, type Query } from "@image-pipeline/client";
import { createUploads, memoryStore } from "@image-pipeline/client/uploads";
import { useImages, useUpload, useUploads } from "@image-pipeline/react/native";
import { build } from "esbuild";
import { createElement, StrictMode } from "react";
import { create } from "react-test-renderer";
import sharp from "sharp";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";

let cloud: TestCloud;
let client: Client;

beforeAll(async () => {
  // React's renderer for tests announces its end to users of the DOM.
  vi.stubGlobal("IS_REACT_NATIVE_TEST_ENVIRONMENT", true);
  cloud = await startTestCloud();
  client = createClient({ baseUrl: cloud.url });
});

afterAll(() => cloud.stop());

type ProbeProps<Given, Result> = { use: (given: Given) => Result; given: Given; results: Result[] };

function Probe<Given, Result>({ use, given, results }: ProbeProps<Given, Result>): null {
  results.push(use(given));
  return null;
}

/** Renders a hook in a component, with an argument that can be replaced. `results` are those of all renders. */
function render<Given, Result>(use: (given: Given) => Result, first: Given) {
  const results: Result[] = [];
  const element = (given: Given) =>
    createElement(StrictMode, null, createElement(Probe<Given, Result>, { use, given, results }));
  const root = create(element(first));
  const unmount = () => root.unmount();
  onTestFinished(unmount);
  const current = (): Result => {
    const last = results.at(-1);
    if (!last) throw new Error("Nothing is rendered yet.");
    return last;
  };
  const until = (when: (result: Result) => boolean) =>
    vi.waitFor(
      () => {
        expect(when(current()), JSON.stringify(current())).toBe(true);
        return current();
      },
      { timeout: 15_000 },
    );
  return { results, current, until, unmount, replace: (value: Given) => root.update(element(value)) };
}

async function photo(width = 64): Promise<File> {
  const bytes = await sharp({ create: { width, height: 48, channels: 3, background: "teal" } })
    .jpeg()
    .toBuffer();
  return new File([new Uint8Array(bytes)], `${width}.jpg`, { type: "image/jpeg" });
}

/** A client whose requests to the API are recorded; `change` may replace a response. */
function watched(
  change: (response: Response, method: string) => Promise<Response> | Response = (given) => given,
) {
  const requests: { method: string; url: string; signal?: AbortSignal | null }[] = [];
  const watching = createClient({
    baseUrl: cloud.url,
    tries: 1,
    fetch: async (url, init) => {
      const { method = "GET", signal } = init;
      requests.push({ method, url: url.replace(cloud.url, ""), signal });
      return change(await fetch(url, init), method);
    },
  });
  return { client: watching, requests };
}

/** A client whose uploads never end: their presigned URL is that of a server that does not answer. */
async function stalled() {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const connected = new Promise<void>((resolve) => silent.once("request", () => resolve()));
  const { client: stalling } = watched(async (response, method) => {
    if (method !== "POST") return response;
    const body = await response.json();
    return Response.json({ ...body, upload: { ...body.upload, url: `http://127.0.0.1:${port}` } }, response);
  });
  return { client: stalling, connected };
}

test("no test has a DOM, and the entry for React Native mentions none", async () => {
  for (const name of ["window", "document", "HTMLElement"]) expect(name in globalThis).toBe(false);
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL("../../../react/src/native.ts", import.meta.url).pathname],
    bundle: true,
    format: "esm",
    packages: "external",
    metafile: true,
    write: false,
  });
  expect(Object.keys(metafile.inputs).filter((path) => /tsx$/.test(path))).toEqual([]);
  const code = outputFiles[0]?.text.replace(/^\s*\/\/.*$/gm, "");
  expect(code).toContain("useSyncExternalStore");
  expect(code).not.toMatch(/\b(window|document|navigator|location|localStorage|DOMException)\b/);
});

test("useImages loads page by page, makes each request once in StrictMode, and keeps images while it refreshes", async () => {
  for (const title of ["a", "b", "c"]) await client.upload(await photo(), { title, tags: ["paged"] });
  const { client: watching, requests } = watched();
  const list = render((query: Query) => useImages(watching, query), { tag: "paged", limit: 2 });
  const titles = () => list.current().images.map(({ title }) => title);
  await list.until(({ isLoading }) => !isLoading);
  expect(list.results[0]).toMatchObject({ images: [], isLoading: true, hasMore: true });
  expect([titles(), list.current().hasMore]).toEqual([["c", "b"], true]);
  expect(requests.map(({ method }) => method)).toEqual(["GET"]);

  await Promise.all([list.current().loadMore(), list.current().loadMore()]);
  await list.until(({ images }) => images.length === 3);
  expect([titles(), list.current().hasMore]).toEqual([["c", "b", "a"], false]);
  await list.current().loadMore();
  expect(requests).toHaveLength(2);

  await client.upload(await photo(), { title: "d", tags: ["paged"] });
  const before = list.results.length;
  await list.current().refresh();
  await list.until(({ isLoading, images }) => !isLoading && images.length === 2);
  expect(titles()).toEqual(["d", "c"]);
  expect(list.results[before]).toMatchObject({ isLoading: true, images: { length: 3 } });
});

test("another filter starts an empty list and aborts the request of the last one", async () => {
  await client.upload(await photo(), { title: "one", tags: ["first"] });
  await client.upload(await photo(), { title: "two", tags: ["second"] });
  const { client: watching, requests } = watched(async (response) => {
    // The response of the first filter arrives after that of the second.
    if (requests.length === 1) await list.until(({ images }) => images.length === 1);
    return response;
  });
  const list = render((query: Query) => useImages(watching, query), { tag: "first" });
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  list.replace({ tag: "second" });
  await list.until(({ images, isLoading }) => images[0]?.title === "two" && !isLoading);
  expect(requests[0]?.signal?.aborted).toBe(true);
  expect(list.results.flatMap(({ images }) => images.map(({ title }) => title))).not.toContain("one");
});

test("unmounting aborts the request of a list", async () => {
  const { client: watching, requests } = watched(() => new Promise(() => undefined));
  const list = render(() => useImages(watching), undefined);
  await vi.waitFor(() => expect(requests).toHaveLength(1));
  expect(requests[0]?.signal?.aborted).toBe(false);
  list.unmount();
  await vi.waitFor(() => expect(requests[0]?.signal?.aborted).toBe(true));
});

test("a first page that a server has loaded is not requested again", async () => {
  await client.upload(await photo(), { tags: ["given"] });
  const initialPage = await client.images.page({ tag: "given" });
  const { client: watching, requests } = watched();
  const list = render(() => useImages(watching, { tag: "given" }, { initialPage }), undefined);
  const { images, isLoading, hasMore } = await list.until(() => true);
  expect({ images, isLoading, hasMore }).toEqual({
    images: initialPage.items,
    isLoading: false,
    hasMore: false,
  });
  await list.current().refresh();
  expect(requests).toHaveLength(1);
});

test("an error of a list has its code, and loadMore repeats the page that failed", async () => {
  const refused = render(() => useImages(client, { q: "a", takenAfter: "2026-01-01T00:00:00Z" }), undefined);
  expect((await refused.until(({ error }) => error !== undefined)).error?.code).toBe("invalid_request");

  let isDown = true;
  const { client: watching } = watched((response) => {
    if (isDown) throw new TypeError("No network.");
    return response;
  });
  const list = render(() => useImages(watching), undefined);
  expect((await list.until(({ error }) => error !== undefined)).error?.code).toBe("network_error");
  isDown = false;
  await list.current().loadMore();
  await list.until(({ images, error }) => images.length > 0 && error === undefined);
});

test("useUpload uploads a file with its progress", async () => {
  const file = await photo(320);
  const one = render(() => useUpload(client), undefined);
  await one.until(({ status }) => status === "idle");
  const outcome = await one.current().upload(file, { title: "Harbour" });
  const { image, sent, total } = await one.until(({ status }) => status === "done");
  expect(image).toMatchObject({ status: "ready", title: "Harbour" });
  expect(outcome).toMatchObject({ status: "done", image: { id: image?.id } });
  expect([sent, total]).toEqual([file.size, file.size]);
  const seen = [...new Set(one.results.map(({ status }) => status))];
  expect(seen).toEqual(["idle", "uploading", "processing", "done"]);
});

test("an image that is rejected fails with its code", async () => {
  const one = render(() => useUpload(client), undefined);
  await one.until(() => true);
  const outcome = await one.current().upload(new File(["text"], "notes.jpg", { type: "image/jpeg" }));
  expect(outcome).toMatchObject({
    status: "failed",
    error: { name: "ClientError", code: "unsupported_format" },
    image: { status: "rejected" },
  });
});

test("retry repeats a failed upload", async () => {
  let isDown = true;
  const { client: watching } = watched((response) => {
    if (isDown) throw new TypeError("No network.");
    return response;
  });
  const one = render(() => useUpload(watching), undefined);
  await one.until(() => true);
  await one.current().upload(await photo());
  await one.until(({ error }) => error?.code === "network_error");
  isDown = false;
  expect(await one.current().retry()).toMatchObject({ status: "done", image: { status: "ready" } });
});

test("retry of an upload whose bytes are sent waits for its image, without a second upload", async () => {
  let isDown = true;
  const { client: watching, requests } = watched((response, method) => {
    if (isDown && method === "GET") throw new TypeError("No network.");
    return response;
  });
  const one = render(() => useUpload(watching), undefined);
  await one.until(() => true);
  await one.current().upload(await photo());
  const { error, image } = await one.until(({ status }) => status === "failed");
  expect(error?.code).toBe("network_error");
  isDown = false;
  expect(await one.current().retry()).toMatchObject({ status: "done", image: { id: image?.id } });
  expect(requests.filter(({ method }) => method === "POST")).toHaveLength(1);
});

test.each<[string, (one: { cancel: () => void; unmount: () => void }) => void]>([
  ["cancel", ({ cancel }) => cancel()],
  ["unmounting", ({ unmount }) => unmount()],
])("%s aborts an upload and deletes its image", async (_, end) => {
  const { client: stalling, connected } = await stalled();
  const one = render(() => useUpload(stalling), undefined);
  await one.until(() => true);
  const uploading = one.current().upload(await photo());
  await connected;
  const { image } = await one.until((upload) => upload.image !== undefined);
  end({ cancel: one.current().cancel, unmount: one.unmount });
  expect(await uploading).toMatchObject({ status: "idle" });
  await expect(client.images.get(image?.id ?? "")).rejects.toMatchObject({ code: "image_not_found" });
});

test("useUploads shows the uploads of a queue, which continue after the component is unmounted", async () => {
  const uploads = createUploads({ baseUrl: cloud.url, store: memoryStore() });
  onTestFinished(uploads.close);
  const list = render(() => useUploads(uploads), undefined);
  await list.until((all) => all.length === 0);
  const { id } = await uploads.add(await photo(), { title: "Queued" });
  await list.until(([first]) => first?.id === id);
  list.unmount();
  const done = await uploads.settled(id);
  expect(done).toMatchObject({ state: "uploaded" });
  expect(await client.images.get(done?.imageID ?? "")).toMatchObject({ title: "Queued" });
});
