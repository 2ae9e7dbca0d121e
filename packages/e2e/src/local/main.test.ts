/** `npm start` as a process: start, stop, refused starts, and restarts with existing data. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { on, once } from "node:events";
import { readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fixtures, photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import { closeServer, listen } from "@image-pipeline/local/listen";
import { AwsClient } from "aws4fetch";
import { expect, test, vi } from "vitest";
import { dataDir, launch, npmStart, start } from "./main.fixture.ts";

const aws = new AwsClient({
  accessKeyId: "local",
  secretAccessKey: "local-secret",
  region: "us-east-1",
  service: "s3",
  retries: 0,
});

/** Waits until a process that must not start has ended; returns its output and exit code. */
async function refusal(child: ChildProcessWithoutNullStreams) {
  const [out, error, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { out, error, code };
}

const put = async (s3Url: string, key: string, bytes: Buffer) => {
  const body = new Uint8Array(bytes);
  expect((await aws.fetch(`${s3Url}/uploads/${key}`, { method: "PUT", body })).status).toBe(200);
};

const list = async (url: string): Promise<Image.Info[]> =>
  (await (await fetch(`${url}/images?limit=100`)).json()).items;

/** Polls the list until it satisfies `isThere`, for up to 20 s, and returns it. */
const when = (url: string, isThere: (images: Image.Info[]) => boolean): Promise<Image.Info[]> =>
  vi.waitFor(
    async () => {
      const images = await list(url);
      if (!isThere(images)) throw new Error(`After 20 s: ${JSON.stringify(images)}`);
      return images;
    },
    { timeout: 20_000, interval: 100 },
  );

const isReady = ({ status }: Image.Info) => status === "ready";

test("prints its URLs, works, and stops cleanly on Ctrl-C", async () => {
  const { child, printed, url, s3Url } = await start();
  for (const word of ["uploads", "processed", "images", "us-east-1", "local-secret", dataDir])
    expect(printed).toContain(word);
  expect(printed).toContain(`aws --endpoint-url ${s3Url} s3 cp docs/sample.jpg s3://uploads/sample.jpg`);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  child.kill("SIGINT");
  expect((await once(child, "exit"))[0]).toBe(0);
});

/** Sends the headers of a request, and resolves when the server has them and waits for the body. */
async function requestInFlight(url: string) {
  const body = JSON.stringify({ filename: "a.png", contentType: "image/png", bytes: 9 });
  const headers = {
    "content-type": "application/json",
    "content-length": body.length,
    expect: "100-continue",
  };
  const sent = request(`${url}/images`, { method: "POST", headers });
  const status = once(sent, "response").then(
    ([response]) => (response as IncomingMessage).statusCode,
    () => "broken off",
  );
  sent.flushHeaders();
  await once(sent, "continue");
  return { status, finish: () => sent.end(body) };
}

const stopping = async (child: ChildProcessWithoutNullStreams) => {
  for await (const [text] of on(child.stdout, "data")) if (String(text).includes("Stopping")) return;
};

test("takes two signals at once for one, and answers the request in flight", async () => {
  const { child, url } = await start();
  const { status, finish } = await requestInFlight(url);
  const stops = stopping(child);
  child.kill("SIGINT");
  child.kill("SIGINT");
  await stops;
  finish();
  expect(await status).toBe(201);
  expect((await once(child, "exit"))[0]).toBe(0);
});

test("stops at once on a second signal later", async () => {
  const { child, url } = await start();
  const { status } = await requestInFlight(url);
  const [stops, exit] = [stopping(child), once(child, "exit")];
  child.kill("SIGINT");
  await stops;
  const impatience = setInterval(() => child.kill("SIGINT"), 350);
  expect((await exit)[0]).toBe(130);
  clearInterval(impatience);
  expect(await status).toBe("broken off");
});

test.each(["PORT", "S3_PORT", "DYNAMODB_PORT"])(
  "says in one line that a port is in use, and that %s sets it",
  async (setting) => {
    const other = createServer();
    const port = new URL(await listen(other, 0)).port;
    const { out, error, code } = await refusal(launch({ [setting]: port }));
    await closeServer(other, 0);
    expect(error).toBe(
      `Port ${port} is in use. Set ${setting} to a free port, or stop the program that uses it.\n`,
    );
    expect([code, out]).toEqual([1, ""]);
  },
);

test("with CORS_ORIGINS, pages of these origins and of this machine may upload and call the API, and no other", async () => {
  const { url, s3Url } = await start({ CORS_ORIGINS: "https://app.example.com" });
  const allows = async (target: string, origin: string, method: string) => {
    const headers = { origin, "access-control-request-method": method };
    const response = await fetch(target, { method: "OPTIONS", headers });
    return response.ok && response.headers.get("access-control-allow-origin") === origin;
  };
  const allowed = async (origin: string) => [
    origin,
    await allows(`${s3Url}/uploads/a.jpg`, origin, "PUT"),
    await allows(`${url}/images`, origin, "POST"),
  ];
  for (const origin of ["https://app.example.com", url, "http://localhost:5173", "http://127.0.0.1:9"])
    expect(await allowed(origin)).toEqual([origin, true, true]);
  for (const origin of ["http://localhost.example", "https://app.example.com.evil.example", "null"])
    expect(await allowed(origin)).toEqual([origin, false, false]);
});

test("says which setting cannot be used, and why", async () => {
  const { error, code } = await refusal(launch({ PORT: "eighty", BYTES_MAX: "0" }));
  expect(code).toBe(1);
  expect(error).toMatch(/PORT=eighty: must be a whole number/);
  expect(error).not.toMatch(/^\s+at /m);
});

test.each([
  ["below a file", () => join(dataDir, "file", "folder")],
  ["where none can be created", () => "/proc/none/folder"],
])("says in one line that a data folder %s cannot be used, and that DATA_DIR sets it", async (_, folder) => {
  await writeFile(join(dataDir, "file"), "");
  const { error, code } = await refusal(launch({ DATA_DIR: folder() }));
  expect([code, error.trimEnd().split("\n")]).toEqual([
    1,
    [expect.stringMatching(/cannot be used.*DATA_DIR/)],
  ]);
});

test.each(["S3", "DYNAMODB"])(
  "says in one line that AWS_ENDPOINT_URL_%s cannot be reached",
  async (service) => {
    const name = `AWS_ENDPOINT_URL_${service}`;
    // No program listens on this reserved port.
    const settings = { [name]: "http://127.0.0.1:2", AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
    const { error, code } = await refusal(launch(settings));
    expect([code, error.trimEnd().split("\n")]).toEqual([
      1,
      [expect.stringMatching(`127.0.0.1:2 cannot be used: connect ECONNREFUSED.*${name}`)],
    ]);
  },
);

test("does not start twice over the same data", async () => {
  await start();
  const { error, code } = await refusal(launch());
  expect(code).toBe(1);
  expect(error.trimEnd().split("\n")).toHaveLength(1);
  expect(error).toMatch(/Another process uses it.*DATA_DIR/);
});

test("stops as cleanly on SIGTERM, and finds everything again when it is started", async () => {
  const first = await start();
  await put(first.s3Url, "a.jpg", await fixtures["photo.jpg"]());
  const [before] = await when(first.url, (images) => images.some(isReady));
  first.child.kill("SIGTERM");
  expect((await once(first.child, "exit"))[0]).toBe(0);
  const second = await start();
  const [after] = await list(second.url);
  // Only the port in the URLs may differ.
  const moved = JSON.stringify(before).replaceAll(first.url, second.url);
  expect(JSON.stringify(after)).toBe(moved);
  expect((await fetch(after?.variants?.thumbnail?.url ?? "")).status).toBe(200);
});

test("processes after kill -9 what it had taken in", async () => {
  const first = await start();
  const small = await photo({ width: 300, height: 200 });
  const large = await photo({ width: 4000, height: 3000 });
  // The workers take the large images; when the process dies, only the bucket has the others.
  const busy = ["large1.jpg", "large2.jpg", "large3.jpg", "large4.jpg"];
  const waiting = Array.from({ length: 12 }, (_, index) => `small${index}.jpg`);
  for (const key of busy) await put(first.s3Url, key, large);
  await Promise.all(waiting.map((key) => put(first.s3Url, key, small)));
  const ready = (await list(first.url)).filter(isReady).map(({ source }) => source.key);
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  expect(ready.filter((key) => waiting.includes(key ?? ""))).toEqual([]);

  const second = await start();
  await when(second.url, (images) => {
    const done = new Set(images.filter(isReady).map(({ source }) => source.key));
    return [...busy, ...waiting].every((key) => done.has(key));
  });
}, 60_000);

test("processes an image at once that a worker held at kill -9, and says so", async () => {
  const first = await start();
  await put(first.s3Url, "large.jpg", await photo({ width: 7000, height: 5000 }));
  await when(first.url, (images) => images.some(({ status }) => status === "processing"));
  first.child.kill("SIGKILL");
  await once(first.child, "exit");
  const second = await start();
  expect(second.printed).toContain("1 image in progress when the server last ended is processed again.");
  // Its lease lasts for 75 s.
  await when(second.url, (images) => images.some(isReady));
}, 60_000);

test("npm start ends with npm, on SIGTERM", async () => {
  const { child, url } = await start({}, npmStart);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  child.kill("SIGTERM");
  await expect
    .poll(
      () =>
        fetch(`${url}/health`).then(
          ({ status }) => status,
          () => "refused",
        ),
      { timeout: 15_000 },
    )
    .toBe("refused");
  // Removed at a clean stop.
  await expect.poll(() => readdir(dataDir), { timeout: 15_000 }).not.toContain("environment.json");
}, 60_000);

test.each([/^MANIFEST-/, /^CURRENT$/])(
  "says how to rebuild a table that lacks %s, and does it",
  async (lost) => {
    const first = await start();
    await put(first.s3Url, "a.jpg", await photo({ width: 300, height: 200 }));
    await when(first.url, (images) => images.some(isReady));
    first.child.kill("SIGTERM");
    await once(first.child, "exit");
    for (const name of await readdir(join(dataDir, "dynamodb")))
      if (lost.test(name)) await rm(join(dataDir, "dynamodb", name));

    const { error, code } = await refusal(launch());
    expect([code, error.trimEnd().split("\n")]).toEqual([
      1,
      [expect.stringMatching(/dynamodb cannot be opened.*npm start -- --rebuild/)],
    ]);
    const second = await start({}, ["--rebuild"]);
    await when(second.url, (images) => images.some(isReady));
    const folders = (await readdir(dataDir)).filter((name) => name.startsWith("dynamodb"));
    expect(folders).toEqual(["dynamodb", expect.stringMatching(/^dynamodb-20\d\d-/)]);
  },
  90_000,
);

test("refuses to rebuild the table of a running server, and an unknown argument", async () => {
  await start();
  const [rebuild, unknown] = [await refusal(launch({}, ["--rebuild"])), await refusal(launch({}, ["--no"]))];
  expect(rebuild.error).toMatch(/Another process uses it/);
  expect(unknown.error).toMatch(/Unknown option '--no'.*--rebuild/);
  expect(await readdir(dataDir)).toContain("dynamodb");
});
