/** Clients on other machines: an address of the network, an emulator, and tunnels that replace the `Host` header. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { photo } from "@image-pipeline/core/fixture";
import type { Image } from "@image-pipeline/core/images/image";
import { AwsClient } from "aws4fetch";
import { afterEach, describe, expect, test } from "vitest";
import { launch, start } from "./main.fixture.ts";

/** The IPv4 address of this machine in its network; without a network, a second loopback address. */
const address =
  Object.values(networkInterfaces())
    .flat()
    .find((found) => found?.family === "IPv4" && !found.internal)?.address ?? "127.0.0.2";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Starts a tunnel to `target`, which sends `host` on, or the host that clients ask for. Returns its URL. */
async function tunnel(host?: string) {
  let target = "";
  const server = createServer((incoming, outgoing) => {
    const forwarded = { "x-forwarded-host": incoming.headers.host, "x-forwarded-proto": "https" };
    const headers = { ...incoming.headers, ...forwarded, host: host ?? incoming.headers.host };
    const onward = request(`${target}${incoming.url}`, { method: incoming.method, headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return {
    port: (server.address() as AddressInfo).port,
    to(url: string) {
      target = url;
    },
  };
}

/** Sends a request for a URL whose host name needs no DNS: it goes to `port` on this machine. */
const ask = (
  url: string,
  port: number,
  init: { method?: string; headers?: object; body?: Buffer | string } = {},
) =>
  new Promise<{ status: number; body: string }>((done, fail) => {
    const { host, pathname, search } = new URL(url);
    const headers = {
      ...init.headers,
      host,
      ...(init.body ? { "content-length": Buffer.byteLength(init.body) } : {}),
    };
    const options = {
      host: "127.0.0.1",
      port,
      path: pathname + search,
      method: init.method ?? "GET",
      headers,
    };
    request(options, (response: IncomingMessage) => {
      text(response).then((body) => done({ status: response.statusCode ?? 0, body }), fail);
    })
      .on("error", fail)
      .end(init.body);
  });

/** Uploads an image as an app does that knows `api` alone, and resolves with the ready image. */
async function upload(api: string, port: number): Promise<Image.Info> {
  const body = await photo({ width: 320, height: 200 });
  const json = { "content-type": "application/json" };
  const about = JSON.stringify({ filename: "a.jpg", contentType: "image/jpeg", bytes: body.length });
  const created = JSON.parse(
    (await ask(`${api}/images`, port, { method: "POST", headers: json, body: about })).body,
  );
  expect(new URL(created.upload.url).origin).toBe(api);
  const { url, headers } = created.upload;
  expect((await ask(url, port, { method: "PUT", headers, body })).status).toBe(200);
  const find = async () => JSON.parse((await ask(`${api}/images/${created.id}`, port)).body);
  await expect.poll(async () => (await find()).status, { timeout: 20_000 }).toBe("ready");
  const image = await find();
  expect((await ask(image.variants.small.url, port)).status).toBe(200);
  expect(new URL(image.variants.small.url).origin).toBe(api);
  return image;
}

describe("HOST", () => {
  test("serves a phone at an address of the network, and this machine at 127.0.0.1", async () => {
    const { printed, url } = await start({ HOST: address });
    const { port } = new URL(url);
    expect(printed).toContain(`From other machines: http://${address}:${port}`);
    expect(printed).toContain("Everyone in this network can read, upload and delete");
    expect(printed).toMatch(/█▀▀▀▀▀▀▀█/);
    const api = `http://${address}:${port}`;
    const { id } = await (
      await fetch(`${api}/images`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ filename: "a.jpg", contentType: "image/jpeg", bytes: 3 }),
      })
    ).json();
    expect((await fetch(`${url}/images/${id}`)).status).toBe(200);
    await upload(api, Number(port));
  }, 60_000);

  test("is off by default: no port is open but on 127.0.0.1", async () => {
    const { url, s3Url } = await start();
    for (const open of [url, s3Url])
      await expect(fetch(open.replace("127.0.0.1", address))).rejects.toThrow("fetch failed");
  });

  test.each([
    [{ HOST: "0.0.0.0" }, /HOST=0.0.0.0 needs PUBLIC_URL/],
    [{ HOST: "203.0.113.7" }, /HOST=203.0.113.7 is not an address of this machine/],
    [{ PUBLIC_URL: "example.ngrok.app" }, /PUBLIC_URL=example.ngrok.app: must be a URL/],
    [{ PUBLIC_URL: "https://example.ngrok.app/path" }, /PUBLIC_URL=.*without a path/],
  ])("says why it cannot start with %o", async (settings, message) => {
    const child = launch(settings);
    expect(await text(child.stderr)).toMatch(message);
  });
});

describe("PUBLIC_URL", () => {
  test("serves an emulator, a container and this machine at once, under the emulator's host", async () => {
    const { url } = await start({ HOST: "0.0.0.0", PUBLIC_URL: "http://10.0.2.2:3000" });
    const port = Number(new URL(url).port);
    await upload("http://10.0.2.2:3000", port);
    expect((await fetch(`${url}/images`)).status).toBe(200);
    expect((await ask("http://evil.example/images", port)).status).toBe(421);
  }, 60_000);

  test.each([
    ["keeps the host", undefined],
    ["replaces the host", "localhost:3000"],
  ])(
    "serves an app behind a tunnel that %s",
    async (_, host) => {
      const publicUrl = "https://abc-3000.app.example.dev";
      const { port, to } = await tunnel(host);
      const { url, printed } = await start({ PUBLIC_URL: publicUrl });
      to(url);
      expect(printed).toContain(`From other machines: ${publicUrl}`);
      await upload(publicUrl, port);
      // The page's own origin, which the tunnel passes on.
      const headers = {
        origin: publicUrl,
        "content-type": "application/json",
        "sec-fetch-site": "same-origin",
      };
      expect((await ask(`${publicUrl}/images`, port, { method: "POST", headers, body: "{}" })).status).toBe(
        400,
      );
      const foreign = { ...headers, origin: "https://evil.app.example.dev", "sec-fetch-site": "same-site" };
      expect(
        (await ask(`${publicUrl}/images`, port, { method: "POST", headers: foreign, body: "{}" })).status,
      ).toBe(403);
    },
    60_000,
  );

  test("does not trust X-Forwarded-Host", async () => {
    const { url } = await start({ PUBLIC_URL: "https://abc.example.dev" });
    const headers = { "x-forwarded-host": "abc.example.dev" };
    expect((await ask("http://evil.example/images", Number(new URL(url).port), { headers })).status).toBe(
      421,
    );
  });

  test.each([
    ["keeps the host", undefined],
    ["replaces the host", "localhost:3000"],
  ])(
    "is in the Location of a completed multipart upload and of a form, behind a tunnel that %s",
    async (_, host) => {
      const publicUrl = "https://abc-3000.app.example.dev";
      const { port, to } = await tunnel(host);
      const { url } = await start({ PUBLIC_URL: publicUrl });
      to(url);
      const signer = new AwsClient({
        accessKeyId: "local",
        secretAccessKey: "local-secret",
        region: "us-east-1",
        service: "s3",
      });
      const object = `${publicUrl}/s3/uploads/a%20b/c.jpg`;
      const send = async (method: string, query: string, body?: string) => {
        const signed = await signer.sign(`${object}?${query}`, { method, aws: { signQuery: true } });
        const answer = await ask(signed.url, port, { method, body });
        expect(answer.status).toBe(200);
        return answer.body;
      };
      const inside = (name: string, xml: string) =>
        new RegExp(`<${name}>(.*?)</${name}>`).exec(xml)?.[1] ?? "";
      const uploadId = inside("UploadId", await send("POST", "uploads="));
      await send("PUT", `partNumber=1&uploadId=${uploadId}`, "x");
      const etag = createHash("md5").update("x").digest("hex");
      const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
      expect(inside("Location", await send("POST", `uploadId=${uploadId}`, list))).toBe(object);

      const s3 = new S3Client({
        endpoint: `${publicUrl}/s3`,
        region: "us-east-1",
        credentials: { accessKeyId: "local", secretAccessKey: "local-secret" },
        forcePathStyle: true,
      });
      stops.push(async () => s3.destroy());
      const Fields = { success_action_status: "201" };
      const form = await createPresignedPost(s3, { Bucket: "uploads", Key: "d.jpg", Fields });
      const data = new FormData();
      for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
      data.append("file", new Blob(["x"]), "d.jpg");
      const encoded = new Response(data);
      const headers = { "content-type": encoded.headers.get("content-type") };
      const body = Buffer.from(await encoded.arrayBuffer());
      const posted = await ask(form.url, port, { method: "POST", headers, body });
      expect(posted.status).toBe(201);
      expect(inside("Location", posted.body)).toBe(`${publicUrl}/s3/uploads/d.jpg`);
    },
    60_000,
  );

  test("serves S3 clients under /s3 of the front door", async () => {
    const { url } = await start({ PUBLIC_URL: "http://localhost:3000" });
    const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
    const s3 = new S3Client({
      endpoint: `${url}/s3`,
      region: "us-east-1",
      credentials,
      forcePathStyle: true,
    });
    stops.push(async () => s3.destroy());
    await s3.send(new PutObjectCommand({ Bucket: "uploads", Key: "a b/ü.jpg", Body: "x" }));
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: "uploads" }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(["a b/ü.jpg"]);
  });
});
