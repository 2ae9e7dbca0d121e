import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ObjectStream } from "./object-stream.ts";
import { Storage } from "./storage.ts";

/** The server's responses in turn; the last one repeats. */
let acts: ((response: ServerResponse) => void)[];
let requests = 0;

const server = createServer((request, response) => {
  requests++;
  request.resume();
  (acts.length > 1 ? acts.shift() : acts[0])?.(response);
});
let client: ReturnType<typeof Storage.createClient>;

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  client = Storage.createClient({}, { endpoint, credentials, region: "us-east-1", forcePathStyle: true });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const found = (response: ServerResponse) => response.writeHead(200, { "content-length": "5" }).end("bytes");
const broken = (response: ServerResponse) =>
  response
    .writeHead(200, { "content-length": "5" })
    .write("by", () => void response.socket?.resetAndDestroy());

const sumOfObject = () =>
  ObjectStream.retrying(async () => {
    const opened = await ObjectStream.open(client, "dumps", "a");
    return opened && ObjectStream.sumOf(opened);
  });

test("an object whose body breaks off is read again", async () => {
  acts = [broken, found];
  requests = 0;
  expect(await sumOfObject()).toMatchObject({ bytes: 5, md5: "4b3a6218bb3e3a7303e8a171a60fcf92" });
  expect(requests).toBe(2);
});

test("a refused request is not repeated", async () => {
  acts = [(response) => response.writeHead(403).end()];
  requests = 0;
  await expect(sumOfObject()).rejects.toThrow();
  expect(requests).toBe(1);
});

test("a body that fails, or has another length, fails its request alone", async () => {
  acts = [() => {}];
  const failing = new Readable({ read: () => void failing.destroy(new Error("The disk failed.")) });
  const put = (body: Readable) => ObjectStream.put(client, "dumps", "a", { body, bytes: 5 });
  await expect(put(failing)).rejects.toThrow("The disk failed.");
  const short = ObjectStream.summed({ body: Readable.from([Buffer.from("byte")]), bytes: 5 });
  await expect(put(short.body)).rejects.toThrow("the 5 bytes that it should have");
});
