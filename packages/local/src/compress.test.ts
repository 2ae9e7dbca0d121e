import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endCompressed } from "./compress.ts";
import { closeServer, listen } from "./listen.ts";

const text = Buffer.from(JSON.stringify({ items: Array.from({ length: 500 }, (_, id) => ({ id })) }));

let server: Server;
let url: string;

beforeAll(async () => {
  // What is asked for in the address is what is sent.
  server = createServer((asked, response) => {
    const {
      status = "200",
      bytes = text.length,
      ...headers
    } = Object.fromEntries(new URL(asked.url ?? "", "http://host").searchParams);
    response.statusCode = Number(status);
    const all = { "content-type": "application/json", etag: '"abc"', ...headers };
    for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
    endCompressed(asked, response, text.subarray(0, Number(bytes))).catch((error) => response.destroy(error));
  });
  url = await listen(server, 0);
});
afterAll(() => closeServer(server, 1000));

/** Not by `fetch`, which asks for compression by itself and hides it. */
function get(query = "", accept: string | undefined = undefined, method = "GET") {
  return new Promise<{ headers: IncomingMessage["headers"]; body: Buffer }>((done, fail) => {
    request(`${url}/?${query}`, {
      method,
      headers: accept === undefined ? {} : { "accept-encoding": accept },
    })
      .on("response", async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk);
        done({ headers: response.headers, body: Buffer.concat(chunks) });
      })
      .on("error", fail)
      .end();
  });
}

test.each([
  ["gzip, deflate, br, zstd", "br", brotliDecompressSync],
  ["gzip;q=1.0, br;q=0", "gzip", gunzipSync],
  ["GZIP", "gzip", gunzipSync],
])(
  "who takes %j gets %s: the same bytes, fewer of them, under a weak ETag",
  async (accept, encoding, undo) => {
    const { headers, body } = await get("", accept);
    expect(headers).toMatchObject({
      "content-encoding": encoding,
      "content-length": String(body.length),
      vary: "Accept-Encoding",
      etag: 'W/"abc"',
    });
    expect(body.length).toBeLessThan(text.length / 2);
    expect(undo(body)).toEqual(text);
  },
);

test.each([undefined, "", "identity", "deflate", "br;q=0, gzip;q=0.0", "brotli"])(
  "who takes %j gets the bytes as they are, and caches learn that others may not",
  async (accept) => {
    const { headers, body } = await get("", accept);
    expect(headers["content-encoding"]).toBeUndefined();
    expect(headers).toMatchObject({ vary: "Accept-Encoding", etag: '"abc"' });
    expect(body).toEqual(text);
  },
);

test.each([
  ["small", "bytes=999"],
  ["a picture", "content-type=image/webp"],
  ["an error of the server", "status=500"],
  ["compressed already", "content-encoding=zstd"],
])("what is %s is never touched", async (_, query) => {
  const { headers, body } = await get(query, "br");
  expect([undefined, "zstd"]).toContain(headers["content-encoding"]);
  expect(headers.vary).toBeUndefined();
  expect(text.subarray(0, body.length)).toEqual(body);
});

test("HEAD gets the headers of GET and no body; what the response varies by already stays", async () => {
  const [got, head] = await Promise.all([get("vary=Origin", "br"), get("vary=Origin", "br", "HEAD")]);
  const { date: _, ...headers } = got.headers;
  expect(head.headers).toMatchObject(headers);
  expect(head.headers.vary).toBe("Origin, Accept-Encoding");
  expect(head.body).toHaveLength(0);
});
