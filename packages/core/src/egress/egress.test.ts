import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { Egress } from "./egress.ts";
import { type Internet, internet } from "./fixture-internet.ts";

const limits = { bytesMax: 1_000, connectMs: 20_000, totalMs: 30_000, redirectsMax: 3 };
const names = {
  "images.example": [["93.184.216.34"]],
  "cdn.example": [["1.1.1.1"]],
  "other.example": [["1.1.1.1"]],
  "rebound.example": [["93.184.216.34"], ["127.0.0.1"]],
};
let current: Internet | undefined;
afterEach(() => current?.close());

/** Sends a GET with the policy of `npm start` to a server with this listener. */
async function get(
  url: string,
  listener: RequestListener,
  options: Partial<Egress.Limits & Egress.Request> = {},
) {
  current = await internet(names, listener);
  const { headers, method = "GET", body, ...others } = options;
  const request = { method, url, headers, body };
  return Egress.send(request, { ...limits, ...others }, { http: true }, current.network);
}

test("a GET returns status, headers and body, and asks for no encoding and no second request", async () => {
  const response = await get(
    "https://images.example/a?b=c#d",
    ({ url, headers }, answer) =>
      answer.writeHead(201, { etag: '"1"' }).end(JSON.stringify({ url, headers })),
    {
      headers: {
        authorization: "Bearer secret",
        host: "127.0.0.1",
        "accept-encoding": "gzip",
        "proxy-x": "1",
      },
    },
  );
  expect(response).toMatchObject({ status: 201, headers: { etag: '"1"' } });
  expect(JSON.parse(String(response.body))).toEqual({
    url: "/a?b=c",
    headers: {
      host: "images.example",
      "user-agent": "image-pipeline",
      authorization: "Bearer secret",
      "accept-encoding": "identity",
      connection: "close",
    },
  });
});

test("a POST sends its body with its length and does not follow a redirect", async () => {
  const response = await get(
    "https://images.example/",
    async (request, answer) => {
      const [chunk] = await once(request, "data");
      answer
        .writeHead(307, { location: "http://127.0.0.1/" })
        .end(`${request.headers["content-length"]} ${chunk}`);
    },
    { method: "POST", body: Buffer.from("hook") },
  );
  expect(response).toMatchObject({ status: 307 });
  expect(String(response.body)).toBe("4 hook");
});

test("a name is resolved once for each connection, which goes to the address that was checked", async () => {
  const response = await get("http://rebound.example/", (_, answer) => answer.end("public"));
  expect(String(response.body)).toBe("public");
  expect(current).toMatchObject({ resolved: ["rebound.example"], dialled: ["93.184.216.34"] });
});

test("with real sockets too, a connection goes to the resolved address without a second resolution", async () => {
  const server = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
  const port = await portOf(server);
  const resolved: string[] = [];
  const lookup = async (name: string) => {
    resolved.push(name);
    return [{ address: "127.0.0.1", family: 4 }];
  };
  const url = `http://no-such-name.invalid:${port}/`;
  const sent = Egress.send({ method: "GET", url }, limits, { http: true, loopback: true }, { lookup });
  expect(String((await sent).body)).toBe("ok");
  expect(resolved).toEqual(["no-such-name.invalid"]);
  server.close();
});

test("three redirects are followed, and headers of the caller leave with the first other origin for good", async () => {
  const seen: unknown[] = [];
  const hops: Record<string, string> = {
    "/1": "/2",
    "/2": "https://cdn.example/3",
    "/3": "https://images.example/4",
  };
  const response = await get(
    "https://images.example/1",
    ({ url = "", headers }, answer) => {
      seen.push([url, headers.authorization, headers["x-token"]]);
      const location = hops[url];
      if (location) answer.writeHead(302, { location }).end();
      else answer.end("end");
    },
    { headers: { authorization: "secret", "x-token": "secret" } },
  );
  expect(String(response.body)).toBe("end");
  expect(seen).toEqual([
    ["/1", "secret", "secret"],
    ["/2", "secret", "secret"],
    ["/3", undefined, undefined],
    ["/4", undefined, undefined],
  ]);
});

test("a redirect loop ends with refused after three redirects", async () => {
  let requests = 0;
  const sent = get("https://images.example/", (_, answer) => {
    requests++;
    answer.writeHead(301, { location: "/" }).end();
  });
  await expect(sent).rejects.toMatchObject({ reason: "refused" });
  expect(requests).toBe(4);
});

test("a redirect from https to http is refused before its connection", async () => {
  const sent = get("https://images.example/", (_, answer) =>
    answer.writeHead(302, { location: "http://other.example/" }).end(),
  );
  await expect(sent).rejects.toMatchObject({ reason: "refused" });
  expect(current?.dialled).toEqual(["93.184.216.34"]);
});

test("with no redirects allowed, a GET returns the redirect", async () => {
  const listener: RequestListener = (_, answer) => answer.writeHead(302, { location: "/2" }).end();
  await expect(get("https://images.example/", listener, { redirectsMax: 0 })).resolves.toMatchObject({
    status: 302,
  });
});

test("a certificate for another name is refused before a request is sent", async () => {
  let requests = 0;
  const sent = get("https://other.example/", (_, answer) => {
    requests++;
    answer.end();
  });
  await expect(sent).rejects.toMatchObject({
    reason: "unreachable",
    message: expect.stringContaining("ALTNAME"),
  });
  expect(requests).toBe(0);
});

test("a certificate that no trusted authority signed is refused", async () => {
  current = await internet(names, (_, answer) => answer.end());
  const network = { ...current.network, ca: undefined };
  const sent = Egress.send({ method: "GET", url: "https://images.example/" }, limits, {}, network);
  await expect(sent).rejects.toMatchObject({
    reason: "unreachable",
    message: expect.stringContaining("SELF_SIGNED"),
  });
});

test("a body of exactly the limit is read, one byte more is too large", async () => {
  const body = (bytes: number) =>
    get("https://images.example/", (_, answer) => answer.end(Buffer.alloc(bytes)));
  expect((await body(1_000)).body).toHaveLength(1_000);
  current?.close();
  await expect(body(1_001)).rejects.toMatchObject({ reason: "too_large" });
});

test("an endless body ends at the limit, and its connection is closed", async () => {
  let closed: Promise<unknown> | undefined;
  const endless: RequestListener = ({ socket }, answer) => {
    closed = new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
    const write = () => {
      while (!socket.destroyed && answer.write(Buffer.alloc(1_000)));
    };
    answer.on("drain", write);
    write();
  };
  await expect(get("https://images.example/", endless)).rejects.toMatchObject({ reason: "too_large" });
  await closed;
  current?.close();
  const cut = await get("https://images.example/", endless, { truncate: true });
  expect(cut.body).toHaveLength(1_000);
  await closed;
});

test("an endless body of an error is cut off, and its status is returned", async () => {
  const response = await get("https://images.example/", (_, answer) => {
    answer.writeHead(503, { "retry-after": "7" });
    const write = () => {
      while (answer.write(Buffer.alloc(1_000)));
    };
    answer.on("drain", write);
    write();
  });
  expect(response).toMatchObject({ status: 503, headers: { "retry-after": "7" } });
  expect(response.body).toHaveLength(1_000);
});

test("a gzip bomb is returned as the bytes that were sent", async () => {
  const bomb = gzipSync(Buffer.alloc(500_000));
  const response = await get("https://images.example/", (_, answer) =>
    answer.writeHead(200, { "content-encoding": "gzip" }).end(bomb),
  );
  expect(response.body).toEqual(bomb);
});

test.each([
  ["no head", () => undefined],
  ["a head without a body", (_, answer) => answer.writeHead(200, { "content-length": 9 }).flushHeaders()],
] satisfies [string, RequestListener][])("%s ends with a timeout", async (_, listener) => {
  const sent = get("https://images.example/", listener, { totalMs: 300 });
  await expect(sent).rejects.toMatchObject({ reason: "timeout" });
});

test("a server that does not answer TLS ends with a timeout, and its connection is closed", async () => {
  let closed: Promise<unknown> | undefined;
  const server = createServer((socket) => {
    closed = new Promise((resolve) =>
      socket
        .resume()
        .on("error", () => undefined)
        .on("close", resolve),
    );
  });
  const port = await portOf(server);
  const policy = { loopback: true };
  const url = `https://127.0.0.1:${port}/`;
  const sent = Egress.send({ method: "GET", url }, { ...limits, connectMs: 300 }, policy);
  await expect(sent).rejects.toMatchObject({ reason: "timeout" });
  await closed;
  server.close();
});

test("a slow drip ends with a timeout, although each byte comes soon", async () => {
  const timers: NodeJS.Timeout[] = [];
  const sent = get(
    "https://images.example/",
    (_, answer) => {
      timers.push(setInterval(() => answer.write("."), 5));
    },
    { totalMs: 400 },
  );
  await expect(sent).rejects.toMatchObject({ reason: "timeout" });
  for (const timer of timers) clearInterval(timer);
});

test("a resolver that does not answer ends with a timeout", async () => {
  const network: Egress.Network = { lookup: () => new Promise(() => undefined) };
  const url = "https://images.example/";
  const sent = Egress.send({ method: "GET", url }, { ...limits, connectMs: 50 }, {}, network);
  await expect(sent).rejects.toMatchObject({ reason: "timeout" });
});

test.each([
  ["a head of 20 KB", (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}\r\n\r\n`)],
  [
    "ten thousand header lines",
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(10_000)}\r\n`),
  ],
  [
    "two different lengths",
    (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
  ],
  [
    "a body shorter than its length",
    (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"),
  ],
  ["a connection closed without a response", (socket) => socket.end()],
  [
    "a switch of protocols",
    (socket) => socket.end("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  ],
  ["something that is not HTTP", (socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
] satisfies [string, (socket: Socket) => unknown][])("%s is unreachable", async (_, answer) => {
  const sent = get("http://images.example/", ({ socket }) => answer(socket));
  await expect(sent).rejects.toMatchObject({ reason: "unreachable" });
});

test("a name without an address, and a connection that is refused, are unreachable", async () => {
  await expect(get("http://unknown.example/", () => undefined)).rejects.toMatchObject({
    reason: "unreachable",
  });
  const server = createServer();
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  const url = `http://127.0.0.1:${port}/`;
  const sent = Egress.send({ method: "GET", url }, limits, { http: true, loopback: true });
  await expect(sent).rejects.toMatchObject({
    reason: "unreachable",
    message: expect.stringContaining("ECONNREFUSED"),
  });
});

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}
