import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import {
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { keys, outcome, refusal, type Served, serve } from "./fixture.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const Bucket = "uploads";

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterEach(() => {
  s3.clock.aheadMs = 0;
});
afterAll(() => s3.end());

const put = (Key: string, Body = "x", from = client) =>
  from.send(new PutObjectCommand({ Bucket, Key, Body }));
const isThere = async (Key: string) =>
  (await refusal(client.send(new GetObjectCommand({ Bucket, Key })))) === "none";

describe("a signed request", () => {
  test("without a signature is refused", async () => {
    await put("unsigned");
    expect(await outcome(fetch(`${s3.url}/uploads/unsigned`))).toBe("403 AccessDenied");
    expect(await outcome(fetch(`${s3.url}/uploads/unsigned`, { method: "DELETE" }))).toBe("403 AccessDenied");
    expect(await outcome(fetch(s3.url))).toBe("403 AccessDenied");
  });

  test("with another secret, key, region or service is refused", async () => {
    const other = (credentials = keys, region = "us-east-1") => s3.client({ credentials, region });
    expect(await refusal(put("x", "x", other({ ...keys, secretAccessKey: "guess" })))).toBe(
      "SignatureDoesNotMatch 403",
    );
    expect(await refusal(put("x", "x", other({ ...keys, accessKeyId: "other" })))).toBe(
      "InvalidAccessKeyId 403",
    );
    const elsewhere = put("x", "x", other(keys, "eu-west-1")).catch((error: unknown) => error);
    // Clients read the region from the error and repeat the request with it.
    expect(await elsewhere).toMatchObject({ name: "AuthorizationHeaderMalformed", Region: "us-east-1" });
    const head = new HeadBucketCommand({ Bucket });
    const named = other(keys, "eu-west-1")
      .send(head)
      .catch((error: unknown) => error);
    const { $response } = (await named) as { $response?: { headers: Record<string, string> } };
    expect($response?.headers["x-amz-bucket-region"]).toBe("us-east-1");
    expect(await isThere("x")).toBe(false);
  });

  test("with a session token is refused, since none was ever issued", async () => {
    const session = s3.client({ credentials: { ...keys, sessionToken: "token" } });
    expect(await refusal(put("x", "x", session))).toBe("InvalidToken 400");
    const url = await getSignedUrl(session, new GetObjectCommand({ Bucket, Key: "x" }));
    expect(await outcome(fetch(url))).toBe("400 InvalidToken");
  });

  test("needs the session token of a key pair that has one", async () => {
    const temporary = await serve({ sessionToken: "token" });
    const session = temporary.client({ credentials: { ...keys, sessionToken: "token" } });
    expect(await refusal(put("x", "x", session))).toBe("none");
    const url = await getSignedUrl(session, new GetObjectCommand({ Bucket, Key: "x" }));
    expect((await fetch(url)).status).toBe(200);
    for (const credentials of [keys, { ...keys, sessionToken: "other" }])
      expect(await refusal(put("x", "x", temporary.client({ credentials })))).toBe("InvalidToken 400");
    await temporary.end();
  });

  test.each([16, -16])("from a clock %i minutes off is refused", async (minutes) => {
    s3.clock.aheadMs = minutes * 60_000;
    expect(await refusal(put("x"))).toBe("RequestTimeTooSkewed 403");
  });

  test("from a clock 14 minutes off is taken", async () => {
    s3.clock.aheadMs = 14 * 60_000;
    expect(await refusal(put("skewed", "x", s3.client()))).toBe("none");
  });

  test("whose body was changed on the way is refused, and nothing is stored", async () => {
    const tampered = s3.client({ requestChecksumCalculation: "WHEN_REQUIRED" });
    tampered.middlewareStack.add(
      (next) => (args) => {
        Object.assign(args.request as object, { body: Buffer.from("tampered!") });
        return next(args);
      },
      { step: "finalizeRequest", priority: "low", name: "tamper" },
    );
    expect(await refusal(put("tampered", "original!", tampered))).toBe("XAmzContentSHA256Mismatch 400");
    expect(await isThere("tampered")).toBe(false);
  });

  test.each([
    [
      "a header added",
      (headers: Record<string, string>) => Object.assign(headers, { "x-amz-meta-owner": "admin" }),
      "AccessDenied 403",
    ],
    [
      "a header changed",
      (headers: Record<string, string>) => Object.assign(headers, { "content-type": "text/html" }),
      "SignatureDoesNotMatch 403",
    ],
    [
      "a header taken away",
      (headers: Record<string, string>) => delete headers["x-amz-meta-kind"],
      "SignatureDoesNotMatch 403",
    ],
  ])("with %s on the way is refused", async (_, change, expected) => {
    const changed = s3.client();
    changed.middlewareStack.add(
      (next) => (args) => {
        change((args.request as { headers: Record<string, string> }).headers);
        return next(args);
      },
      { step: "finalizeRequest", priority: "low", name: "change" },
    );
    const call = changed.send(
      new PutObjectCommand({
        Bucket,
        Key: "x",
        Body: "x",
        ContentType: "image/png",
        Metadata: { kind: "photo" },
      }),
    );
    expect(await refusal(call)).toBe(expected);
  });

  test("sent to another key, method or bucket is refused", async () => {
    const moved = (change: object) => {
      const mover = s3.client();
      mover.middlewareStack.add(
        (next) => (args) => {
          Object.assign(args.request as object, change);
          return next(args);
        },
        { step: "finalizeRequest", priority: "low", name: "move" },
      );
      return refusal(put("here", "x", mover));
    };
    expect(await moved({ path: "/uploads/there" })).toBe("SignatureDoesNotMatch 403");
    expect(await moved({ path: "/processed/here" })).toBe("SignatureDoesNotMatch 403");
    expect(await moved({ method: "POST" })).toBe("SignatureDoesNotMatch 403");
    expect(await moved({ query: { acl: "" } })).toBe("SignatureDoesNotMatch 403");
  });

  test.each([
    ["AWS local:c2lnbmF0dXJl", "400 InvalidRequest"],
    ["Bearer token", "400 InvalidRequest"],
    ["AWS4-HMAC-SHA256 nonsense", "400 AuthorizationHeaderMalformed"],
    ["AWS4-HMAC-SHA256 Credential=local/x, SignedHeaders=host, Signature=00", "403 AccessDenied"],
  ])("authorised by %j is refused", async (authorization, expected) => {
    expect(await outcome(fetch(`${s3.url}/uploads/x`, { headers: { authorization } }))).toBe(expected);
  });

  test("with a path that is no URL is refused", async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest({ port: s3.port, host: "127.0.0.1", path: "/uploads/%zz" }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      request.on("error", reject);
      request.end();
    });
    expect(status).toBe(400);
  });

  test("may be answered by HEAD without a body", async () => {
    expect(await refusal(s3.client({ region: "eu-west-1" }).send(new HeadBucketCommand({ Bucket })))).toMatch(
      / 400$/,
    );
  });
});

describe("a presigned URL", () => {
  const sign = (input: Partial<PutObjectCommandInput> = {}, signed: string[] = [], expiresIn = 60) =>
    getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "pre.jpg", ...input }), {
      expiresIn,
      signableHeaders: new Set(signed),
      unhoistableHeaders: new Set(signed),
    });
  const all = ["content-type", "content-length", "if-none-match"];
  const strict = (Key: string) =>
    sign({ Key, ContentType: "image/jpeg", ContentLength: 5, IfNoneMatch: "*" }, all);
  const send = (url: string, body = "hello", headers: Record<string, string> = {}) =>
    outcome(
      fetch(url, {
        method: "PUT",
        body,
        headers: { "content-type": "image/jpeg", "if-none-match": "*", ...headers },
      }),
    );

  test("with type, length and If-None-Match signed stores exactly that, once", async () => {
    const url = await strict("strict.jpg");
    expect(await send(url, "hello", { "content-type": "text/html" })).toBe("403 SignatureDoesNotMatch");
    expect(await send(url, "hello!!")).toBe("403 SignatureDoesNotMatch");
    expect(await send(url, "hello", { "if-none-match": "x" })).toBe("403 SignatureDoesNotMatch");
    expect(await send(url, "hello", { "x-amz-meta-owner": "admin" })).toBe("403 AccessDenied");
    expect(await send(url.replace("strict.jpg", "other.jpg"))).toBe("403 SignatureDoesNotMatch");
    expect(
      await send(url.replace(/Signature=(.)/, (_, digit) => `Signature=${digit === "a" ? "b" : "a"}`)),
    ).toBe("403 SignatureDoesNotMatch");
    expect(await send(`${url}&x-amz-meta-owner=admin`)).toBe("403 SignatureDoesNotMatch");
    expect(await isThere("strict.jpg")).toBe(false);
    expect(await send(url)).toBe("200");
    expect(await send(url)).toBe("412 PreconditionFailed");
  });

  test("without its signed headers is refused", async () => {
    const url = await strict("bare.jpg");
    expect(await outcome(fetch(url, { method: "PUT", body: "hello" }))).toBe("403 SignatureDoesNotMatch");
  });

  test("is good until it expires, and not before it was signed", async () => {
    const url = await sign({ Key: "expiring" });
    s3.clock.aheadMs = 58_000;
    expect(await outcome(fetch(url, { method: "PUT", body: "x" }))).toBe("200");
    s3.clock.aheadMs = 62_000;
    expect(await outcome(fetch(url, { method: "PUT", body: "x" }))).toBe("403 AccessDenied");
    s3.clock.aheadMs = -16 * 60_000;
    expect(await outcome(fetch(url, { method: "PUT", body: "x" }))).toBe("403 AccessDenied");
  });

  test("that was made to live longer is refused", async () => {
    const url = await sign({ Key: "longer" });
    s3.clock.aheadMs = 120_000;
    const longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    expect(await outcome(fetch(longer, { method: "PUT", body: "x" }))).toBe("403 SignatureDoesNotMatch");
    const forEver = url.replace("X-Amz-Expires=60", "X-Amz-Expires=604801");
    expect(await outcome(fetch(forEver, { method: "PUT", body: "x" }))).toBe(
      "400 AuthorizationQueryParametersError",
    );
  });

  test("ignores the checksum that the SDK moves into it, as S3 does", async () => {
    const url = await sign({ Key: "checksum" });
    expect(new URL(url).searchParams.has("x-amz-checksum-crc32")).toBe(true);
    expect(await outcome(fetch(url, { method: "PUT", body: "not the empty body" }))).toBe("200");
  });

  test("with a checksum as a signed header is held to it", async () => {
    const ChecksumSHA256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="; // of "hello"
    const url = await sign({ Key: "held", ChecksumSHA256 }, ["x-amz-checksum-sha256"]);
    const headers = { "x-amz-checksum-sha256": ChecksumSHA256 };
    expect(await outcome(fetch(url, { method: "PUT", body: "jello", headers }))).toBe("400 BadDigest");
    expect(await outcome(fetch(url, { method: "PUT", body: "hello", headers }))).toBe("200");
  });

  test("carries metadata in its query", async () => {
    const url = await sign({ Key: "hoisted", Metadata: { owner: "u1" } });
    expect(await outcome(fetch(url, { method: "PUT", body: "x" }))).toBe("200");
    const { Metadata } = await client.send(new GetObjectCommand({ Bucket, Key: "hoisted" }));
    expect(Metadata).toEqual({ owner: "u1" });
  });

  test("reads with the headers that its signer chose", async () => {
    await put("ünï.jpg", "hello");
    const url = await getSignedUrl(
      client,
      new GetObjectCommand({
        Bucket,
        Key: "ünï.jpg",
        ResponseContentDisposition: "attachment; filename=\"x y.jpg\"; filename*=UTF-8''%C3%BC.jpg",
        ResponseContentType: "text/plain",
        ResponseCacheControl: "no-store",
      }),
    );
    const answer = await fetch(url);
    expect(await answer.text()).toBe("hello");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-disposition": "attachment; filename=\"x y.jpg\"; filename*=UTF-8''%C3%BC.jpg",
      "content-type": "text/plain",
      "cache-control": "no-store",
    });
    expect(await outcome(fetch(url, { method: "DELETE" }))).toBe("403 SignatureDoesNotMatch");
    const smuggled = `${url}&response-content-type=text/html`;
    expect(await outcome(fetch(smuggled))).toBe("403 SignatureDoesNotMatch");
  });
});

describe("a URL that was presigned the old way, as AWS CLI 1 does", () => {
  const sign = (Key: string, aheadSeconds = 60, method = "GET", amz = "") => {
    const expires = String(Math.floor(Date.now() / 1000) + aheadSeconds);
    const text = `${method}\n\n\n${expires}\n${amz}/uploads/${Key}`;
    const signature = createHmac("sha1", keys.secretAccessKey).update(text).digest("base64");
    const query = new URLSearchParams({
      AWSAccessKeyId: keys.accessKeyId,
      Signature: signature,
      Expires: expires,
    });
    return `${s3.url}/uploads/${Key}?${query}`;
  };

  test("is good for what was signed, until it expires", async () => {
    await put("old", "hello");
    const url = sign("old");
    expect(await (await fetch(url)).text()).toBe("hello");
    expect(await outcome(fetch(url, { method: "DELETE" }))).toBe("403 SignatureDoesNotMatch");
    expect(await outcome(fetch(url.replace("/old", "/other")))).toBe("403 SignatureDoesNotMatch");
    expect(await outcome(fetch(`${url}&response-content-type=text/html`))).toBe("403 SignatureDoesNotMatch");
    expect(await outcome(fetch(`${url}&uploadId=x`))).toBe("403 SignatureDoesNotMatch");
    expect(await outcome(fetch(url, { headers: { "x-amz-meta-owner": "admin" } }))).toBe(
      "403 SignatureDoesNotMatch",
    );
    expect(await outcome(fetch(url.replace(keys.accessKeyId, "other")))).toBe("403 InvalidAccessKeyId");
    expect(await outcome(fetch(sign("old", -1)))).toBe("403 AccessDenied");
    expect(await outcome(fetch(sign("old", 8 * 86_400)))).toBe("403 AccessDenied");
    s3.clock.aheadMs = 62_000;
    expect(await outcome(fetch(url))).toBe("403 AccessDenied");
  });

  test("stores with the metadata that was signed, and no other", async () => {
    const url = `${sign("old-put", 60, "PUT", "x-amz-meta-owner:u1\n")}&x-amz-meta-owner=u1`;
    expect(await outcome(fetch(url.replace("owner=u1", "owner=u2"), { method: "PUT", body: "x" }))).toBe(
      "403 SignatureDoesNotMatch",
    );
    expect(await outcome(fetch(url, { method: "PUT" }))).toBe("200");
    expect((await client.send(new GetObjectCommand({ Bucket, Key: "old-put" }))).Metadata).toEqual({
      owner: "u1",
    });
  });
});

describe("CORS", () => {
  const preflight = (origin: string, method = "PUT") =>
    fetch(`${s3.url}/uploads/x`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
      },
    });

  test("lets pages of this machine upload and read the ETag", async () => {
    const answer = await preflight("http://localhost:5173");
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": "http://localhost:5173",
      "access-control-allow-methods": expect.stringContaining("PUT"),
      "access-control-allow-headers": "content-type",
      vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    });
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "cors" }));
    const stored = await fetch(url, {
      method: "PUT",
      body: "x",
      headers: { origin: "http://127.0.0.1:3000" },
    });
    expect(stored.headers.get("access-control-allow-origin")).toBe("http://127.0.0.1:3000");
    expect(stored.headers.get("access-control-expose-headers")).toContain("ETag");
  });

  test.each(["https://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "null"])(
    "refuses pages of %s",
    async (origin) => {
      const answer = await preflight(origin);
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([403, null]);
    },
  );

  test("allows the origins of the settings as well", async () => {
    const listed = await serve({ trust: { hosts: [], origins: ["https://app.example.com"] } });
    try {
      const ask = (origin: string) =>
        fetch(listed.url, { method: "OPTIONS", headers: { origin, "access-control-request-method": "GET" } });
      expect((await ask("https://app.example.com")).status).toBe(200);
      expect((await ask("http://localhost:3000")).status).toBe(200);
      expect((await ask("https://other.example.com")).status).toBe(403);
    } finally {
      await listed.end();
    }
  });
});
