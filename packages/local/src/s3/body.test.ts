import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, keys, type Served, serve } from "./fixture.ts";
import { Sha256 } from "./verify-signature.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const Bucket = "uploads";
const Key = "body";

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterEach(async () => {
  await expect.poll(() => readdir(path.join(s3.dataDir, "tmp"))).toEqual([]);
});
afterAll(() => s3.end());

type Headers = Record<string, string>;

/** The headers of a PUT, signed. */
async function signed(headers: Headers, signedHeaders = Object.keys(headers)): Promise<Headers> {
  const signer = new SignatureV4({
    credentials: keys,
    region: "us-east-1",
    service: "s3",
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const request = await signer.sign(
    {
      method: "PUT",
      protocol: "http:",
      hostname: "127.0.0.1",
      path: `/${Bucket}/${Key}`,
      query: {},
      headers: { host: `127.0.0.1:${s3.port}`, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", ...headers },
    },
    { signableHeaders: new Set(signedHeaders) },
  );
  return request.headers;
}

/** Sends a PUT with these exact headers and returns "200", or status and code. */
async function put(headers: Headers, body: Buffer | string, agent?: Agent): Promise<string> {
  const all = await signed(headers);
  return new Promise((resolve, reject) => {
    const options = {
      port: s3.port,
      host: "127.0.0.1",
      method: "PUT",
      path: `/${Bucket}/${Key}`,
      headers: all,
      agent,
    };
    const request = httpRequest(options, async (answer) => {
      const text = Buffer.concat(await answer.toArray()).toString();
      resolve([answer.statusCode, /<Code>(.*?)</.exec(text)?.[1]].filter(Boolean).join(" "));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const stored = async () => {
  const found = await client.send(new GetObjectCommand({ Bucket, Key }));
  return await found.Body?.transformToString();
};
const md5 = (data: string) => createHash("md5").update(data).digest("base64");
const sha256 = (data: string) => createHash("sha256").update(data).digest("hex");

describe("a body", () => {
  test("that is what was said of it is stored", async () => {
    expect(await put({ "x-amz-content-sha256": sha256("one") }, "one")).toBe("200");
    expect(await put({ "content-md5": md5("two") }, "two")).toBe("200");
    expect(await put({}, "three")).toBe("200");
    expect(await stored()).toBe("three");
  });

  test.each<[string, Headers, string]>([
    ["another SHA-256", { "x-amz-content-sha256": sha256("other") }, "400 XAmzContentSHA256Mismatch"],
    ["another MD5", { "content-md5": md5("other") }, "400 BadDigest"],
    ["an MD5 that is none", { "content-md5": "nonsense" }, "400 InvalidDigest"],
    [
      "two checksums",
      { "x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "x" },
      "400 InvalidRequest",
    ],
    ["another checksum", { "x-amz-checksum-crc32": "AAAAAA==" }, "400 BadDigest"],
    ["a checksum that does not follow", { "x-amz-sdk-checksum-algorithm": "CRC32" }, "400 InvalidRequest"],
    [
      "a framing that it has not",
      { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "5" },
      "400 IncompleteBody",
    ],
    [
      "a framing without the length inside",
      { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" },
      "411 MissingContentLength",
    ],
    [
      "a framing that is not known here",
      { "x-amz-content-sha256": "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" },
      "501 NotImplemented",
    ],
    ["more than 5 GiB", { "content-length": String(5 * 2 ** 30 + 1) }, "400 EntityTooLarge"],
    ["no length", { "transfer-encoding": "chunked" }, "501 NotImplemented"],
  ])("with %s is refused, and what was there stays", async (_, headers, expected) => {
    await put({}, "before");
    if (headers["content-length"]) expect(await announced(headers)).toBe(expected);
    else expect(await put(headers, "hello")).toBe(expected);
    expect(await stored()).toBe("before");
  });

  test.each<[string, string, string]>([
    ["shorter than was said", "6", "5\r\nhello\r\n0\r\n\r\n"],
    ["longer than was said", "4", "5\r\nhello\r\n0\r\n\r\n"],
    ["without its trailer", "5", "5\r\nhello\r\n0\r\n\r\n"],
    ["with a wrong trailer", "5", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"],
  ])("in frames, %s, is refused", async (why, length, body) => {
    const headers = {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "x-amz-decoded-content-length": length,
      "x-amz-trailer": "x-amz-checksum-crc32",
    };
    const expected = { "without its trailer": "MalformedTrailerError", "with a wrong trailer": "BadDigest" };
    expect(await put(headers, body)).toBe(`400 ${{ ...expected }[why] ?? "IncompleteBody"}`);
  });

  test("in frames is stored when its trailer is right", async () => {
    const headers = {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "x-amz-decoded-content-length": "5",
      "x-amz-trailer": "x-amz-checksum-crc32",
      "content-encoding": "aws-chunked,gzip",
    };
    const body = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    expect(await put(headers, body)).toBe("200");
    const { ContentEncoding } = await client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(ContentEncoding).toBe("gzip");
  });

  test.each([
    ["that ends early", (socket: ReturnType<typeof connect>) => socket.end()],
    ["whose connection breaks", (socket: ReturnType<typeof connect>) => socket.destroy()],
  ])("%s is not stored", async (_, end) => {
    await put({}, "before");
    const headers = await signed({ "content-length": "200000" });
    const answer = await raw(headers, bytesOf(100_000), end);
    if (answer !== "") expect(answer).toMatch(/400 Bad Request.*<Code>IncompleteBody</s);
    expect(await stored()).toBe("before");
  });

  test("that is refused leaves the connection good for the next request", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const large = bytesOf(3 << 20);
    try {
      expect(await put({ "content-md5": md5("other") }, large, agent)).toBe("400 BadDigest");
      expect(await put({ "x-amz-acl": "public-read" }, large, agent)).toBe(
        "400 AccessControlListNotSupported",
      );
      expect(await put({}, "after", agent)).toBe("200");
      expect(Object.values(agent.freeSockets)).toHaveLength(1);
    } finally {
      agent.destroy();
    }
  });

  test("is asked for before it is sent, if the client waits to be asked", async () => {
    const headers = await signed({ "content-length": "5" });
    const waiting = { ...headers, expect: "100-continue", connection: "close" };
    const answer = await raw(waiting, Buffer.alloc(0), (socket) => {
      socket.once("data", () => socket.write("hello"));
    });
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue.*HTTP\/1.1 200 OK/s);
    expect(await stored()).toBe("hello");
  });
});

describe("a client that waits to be asked", () => {
  const refused = async (more: Headers, expected: RegExp) => {
    const waiting = { ...(await signed({ "content-length": "5" })), ...more, expect: "100-continue" };
    // The connection closes by itself: the client may leave the body out.
    const answer = await raw(waiting, Buffer.alloc(0), () => {});
    expect(answer).toMatch(expected);
    expect(answer).toMatch(/^connection: close\r$/im);
  };

  test("sends no body if the signature is wrong", async () => {
    const { authorization = "" } = await signed({ "content-length": "5" });
    const [before] = authorization.split("Signature=");
    await refused({ authorization: `${before}Signature=${"0".repeat(64)}` }, /^HTTP\/1.1 403 /);
  });

  test("sends no body if a condition fails", async () => {
    const body = await signed({ "content-length": "5" });
    await raw({ ...body, connection: "close" }, Buffer.from("hello"), () => {});
    const again = { ...(await signed({ "content-length": "5", "if-none-match": "*" })) };
    await refused(again, /^HTTP\/1.1 412 /);
  });
});

/** Sends only the head of a PUT and returns the outcome. */
async function announced(headers: Headers): Promise<string> {
  const answer = await raw(await signed(headers), Buffer.alloc(0), (socket) => {
    socket.once("data", () => socket.end());
  });
  return `${/HTTP\/1.1 (\d+)/.exec(answer)?.[1]} ${/<Code>(.*?)</.exec(answer)?.[1]}`;
}

/** Writes a PUT directly to a socket and returns the raw response. */
function raw(
  headers: Headers,
  body: Buffer,
  then: (socket: ReturnType<typeof connect>) => void,
): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(s3.port, "127.0.0.1", () => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`PUT /${Bucket}/${Key} HTTP/1.1\r\n${lines.join("")}\r\n`);
      socket.write(body, () => then(socket));
    });
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => {}); // The end of a broken connection.
    socket.on("close", () => resolve(text));
  });
}
