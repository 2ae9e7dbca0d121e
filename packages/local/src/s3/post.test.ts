import { createHash } from "node:crypto";
import { connect } from "node:net";
import { GetObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { createPresignedPost, type PresignedPostOptions } from "@aws-sdk/s3-presigned-post";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { S3Error } from "./error.ts";
import { bytesOf, outcome, refusal, type Served, serve } from "./fixture.ts";
import { checkPolicy } from "./form.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const Bucket = "uploads";
const md5 = createHash("md5").update("picture").digest("hex");

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterEach(() => {
  s3.clock.aheadMs = 0;
});
afterAll(() => s3.end());

// biome-ignore lint/suspicious/noTemplateCurlyInString: S3 puts the file's name here.
const Key = "form/${filename}";

const sign = (options: Partial<PresignedPostOptions> = {}) =>
  createPresignedPost(client, {
    Bucket,
    Key,
    Conditions: [
      ["content-length-range", 1, 1000],
      ["starts-with", "$Content-Type", "image/"],
      ["starts-with", "$key", "form/"],
      { "x-amz-meta-owner": "u1" },
    ],
    Fields: { "x-amz-meta-owner": "u1", success_action_status: "201" },
    Expires: 60,
    ...options,
  });

type Form = {
  body?: string | Uint8Array<ArrayBuffer>;
  name?: string;
  fields?: Record<string, string>;
  after?: Record<string, string>;
};

async function post(
  { url, fields }: { url: string; fields: Record<string, string> },
  { body = "picture", name = "z.png", fields: more = {}, after = {} }: Form = {},
) {
  const form = new FormData();
  for (const [field, value] of Object.entries({ "Content-Type": "image/png", ...fields, ...more }))
    form.append(field, value);
  form.append("file", new Blob([body]), name);
  for (const [field, value] of Object.entries(after)) form.append(field, value);
  return fetch(url, { method: "POST", body: form, redirect: "manual" });
}

const isThere = async (key: string) =>
  (await refusal(client.send(new HeadObjectCommand({ Bucket, Key: key })))) === "none";

describe("a form that its policy allows", () => {
  test("is stored under the file's name with the fields' type and metadata", async () => {
    const answer = await post(await sign(), { name: "a ü&$&.png" });
    expect(answer.status).toBe(201);
    expect(await answer.text()).toContain("<Key>form/a ü&amp;$&amp;.png</Key>");
    const found = await client.send(new GetObjectCommand({ Bucket, Key: "form/a ü&$&.png" }));
    expect(await found.Body?.transformToString()).toBe("picture");
    expect(found).toMatchObject({ ContentType: "image/png", Metadata: { owner: "u1" } });
    expect(s3.events.at(-1)).toMatchObject({ name: "ObjectCreated:Post", key: "form/a ü&$&.png", size: 7 });
  });

  test("may be answered with 204, 200 or a redirect", async () => {
    const plain = await post(await sign({ Fields: { "x-amz-meta-owner": "u1" } }));
    expect([plain.status, plain.headers.get("etag")]).toEqual([204, `"${md5}"`]);
    const ok = await sign({ Fields: { "x-amz-meta-owner": "u1", success_action_status: "200" } });
    expect((await post(ok)).status).toBe(200);
    const there = "http://localhost:3000/done?x=1";
    const redirect = await post(
      await sign({ Fields: { "x-amz-meta-owner": "u1", success_action_redirect: there } }),
    );
    expect(redirect.status).toBe(303);
    expect(redirect.headers.get("location")).toBe(
      `${there}&bucket=uploads&key=form%2Fz.png&etag=%22${md5}%22`,
    );
  });

  test("may have x-ignore- fields, and fields after the file are not read", async () => {
    const more = { fields: { "x-ignore-me": "1" }, after: { key: "other", "x-amz-meta-role": "admin" } };
    expect(await outcome(post(await sign(), more))).toBe("201");
    expect(await isThere("other")).toBe(false);
  });

  test("may say its conditions in every form there is", async () => {
    const Conditions: PresignedPostOptions["Conditions"] = [
      ["eq", "$Content-Type", "image/png"],
      ["starts-with", "$x-amz-meta-any", ""],
      { "x-amz-meta-owner": "u1" },
      ["content-length-range", 7, 7],
    ];
    const signed = await sign({ Key: "exact", Conditions });
    expect(await outcome(post(signed, { fields: { "x-amz-meta-any": "thing" } }))).toBe("201");
    expect(await outcome(post(signed, { fields: { "Content-Type": "image/gif" } }))).toBe("403 AccessDenied");
  });

  test("may give the checksum of its file, and is held to it", async () => {
    const Conditions: PresignedPostOptions["Conditions"] = [["starts-with", "$x-amz-checksum-sha256", ""]];
    const signed = await sign({ Conditions, Fields: {}, Key: "sum" });
    const fields = {
      "Content-Type": "",
      "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    };
    const withType = await sign({
      Key: "sum",
      Fields: {},
      Conditions: [...Conditions, ["starts-with", "$Content-Type", ""]],
    });
    expect(await outcome(post(signed, { fields, body: "hello" }))).toBe("403 AccessDenied");
    expect(await outcome(post(withType, { fields, body: "jello" }))).toBe("400 BadDigest");
    expect(await isThere("sum")).toBe(false);
    expect(await outcome(post(withType, { fields, body: "hello" }))).toBe("204");
  });

  test("may be large: it is streamed", async () => {
    const body = new Uint8Array(bytesOf(12 << 20));
    const signed = await sign({
      Key: "large",
      Conditions: [["starts-with", "$Content-Type", ""]],
      Fields: {},
    });
    expect(await outcome(post(signed, { body }))).toBe("204");
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: "large" }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  });
});

describe("a form that its policy does not allow", () => {
  const changed = (policy: object) => ({ Policy: Buffer.from(JSON.stringify(policy)).toString("base64") });

  test.each<[string, Form, string]>([
    ["of too large a file", { body: "x".repeat(1001) }, "400 EntityTooLarge"],
    ["of an empty file", { body: "" }, "400 EntityTooSmall"],
    ["of another type", { fields: { "Content-Type": "text/html" } }, "403 AccessDenied"],
    [
      "of a list of types with another",
      { fields: { "Content-Type": "image/png, text/html" } },
      "403 AccessDenied",
    ],
    ["with a field too many", { fields: { "x-amz-meta-role": "admin" } }, "403 AccessDenied"],
    ["with other metadata", { fields: { "x-amz-meta-owner": "u2" } }, "403 AccessDenied"],
    ["with another key", { fields: { key: "other/a" } }, "403 AccessDenied"],
    ["without a key", { fields: { key: "" } }, "400 InvalidArgument"],
    [
      "with another policy",
      { fields: changed({ expiration: "2099-01-01T00:00:00Z", conditions: [] }) },
      "403 SignatureDoesNotMatch",
    ],
    ["with another algorithm", { fields: { "X-Amz-Algorithm": "none" } }, "400 InvalidArgument"],
    [
      "with another credential",
      { fields: { "X-Amz-Credential": "other/20260101/us-east-1/s3/aws4_request" } },
      "403 InvalidAccessKeyId",
    ],
    ["without a policy", { fields: { Policy: "" } }, "403 AccessDenied"],
    [
      "with very long fields",
      { fields: { "x-amz-meta-owner": "u".repeat(21_000) } },
      "400 MaxPostPreDataLengthExceeded",
    ],
  ])("%s is refused, and nothing is stored", async (_, form, expected) => {
    const events = s3.events.length;
    expect(await outcome(post(await sign(), { name: "refused.png", ...form }))).toBe(expected);
    expect(await isThere("form/refused.png")).toBe(false);
    expect(s3.events.length).toBe(events);
  });

  test("is refused for another bucket, once it has expired, or where S3 does more than we", async () => {
    const signed = await sign();
    const elsewhere = { ...signed, url: signed.url.replace("uploads", "processed") };
    expect(await outcome(post(elsewhere))).toBe("403 AccessDenied");
    const tagged = await sign({
      Conditions: [
        ["starts-with", "$tagging", ""],
        ["starts-with", "$Content-Type", ""],
      ],
      Fields: {},
    });
    expect(await outcome(post(tagged, { fields: { tagging: "<Tagging/>" } }))).toBe("501 NotImplemented");
    s3.clock.aheadMs = 61_000;
    expect(await outcome(post(signed))).toBe("403 AccessDenied");
  });
});

describe("a policy", () => {
  const refused = (policy: string, now = Date.UTC(2026, 0, 1)) => {
    const encoded = Buffer.from(policy).toString("base64");
    try {
      checkPolicy(encoded, new Map([["key", "k"]]), now);
      return "none";
    } catch (error) {
      return error instanceof S3Error ? error.code : String(error);
    }
  };
  const until = (expiration: unknown) =>
    JSON.stringify({ expiration, conditions: [["starts-with", "$key", ""]] });

  test("is valid before its expiration, and not from then on", () => {
    expect(refused(until("2026-01-01T00:00:01.000Z"))).toBe("none");
    expect(refused(until("2026-01-01T00:00:01Z"))).toBe("none");
    expect(refused(until("2026-01-01T00:00:00Z"))).toBe("AccessDenied");
    expect(refused(until("2025-12-31T23:59:59.999Z"))).toBe("AccessDenied");
  });

  test.each([
    ["a time zone that has no minutes, which no clock reaches", "2026-12-01T12:00:00+01"],
    ["a time zone", "2026-12-01T12:00:00+01:00"],
    ["a day that no month has", "2027-02-30T00:00:00Z"],
    ["a date alone", "2027-01-01"],
    ["no zone", "2027-01-01T00:00:00"],
    ["a number", 4_000_000_000],
    ["nothing", undefined],
    ["null", null],
    ["a word", "never"],
  ])("with %s as its expiration is invalid", (_, expiration) => {
    expect(refused(until(expiration))).toBe("InvalidPolicyDocument");
  });

  test.each([
    ["text", "{"],
    ["no conditions", '{"expiration":"2027-01-01T00:00:00Z"}'],
    ["a field that S3 does not know", '{"expiration":"2027-01-01T00:00:00Z","conditions":[],"version":1}'],
    ["an unknown condition", '{"expiration":"2027-01-01T00:00:00Z","conditions":[["ends-with","$key","x"]]}'],
    ["two pairs in one condition", '{"expiration":"2027-01-01T00:00:00Z","conditions":[{"a":"b","c":"d"}]}'],
    ["an array", "[]"],
  ])("that is %s is invalid", (_, policy) => {
    expect(refused(policy)).toBe("InvalidPolicyDocument");
  });

  test("that is not base64 is invalid", () => {
    expect(() => checkPolicy(`*${btoa(until("2027-01-01T00:00:00Z"))}`, new Map(), 0)).toThrow("base64");
  });
});

describe("what is not a form", () => {
  const send = (body: string, contentType = "multipart/form-data; boundary=b") =>
    outcome(fetch(`${s3.url}/uploads`, { method: "POST", body, headers: { "content-type": contentType } }));

  test("is refused", async () => {
    expect(await send("nonsense")).toBe("400 MalformedPOSTRequest");
    expect(await send("", "multipart/form-data")).toBe("400 MalformedPOSTRequest");
    expect(await send('--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--b--\r\n')).toBe(
      "400 InvalidArgument",
    );
  });

  test("because it breaks off is refused, and nothing is stored", async () => {
    const { fields, url } = await sign({
      Conditions: [["starts-with", "$Content-Type", ""]],
      Fields: {},
      Key: "broken",
    });
    const parts = Object.entries({ ...fields, "Content-Type": "image/png" }).map(
      ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const file = `--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n${"x".repeat(9000)}`;
    expect(await send([...parts, file].join(""))).toBe("400 MalformedPOSTRequest");
    const { hostname, port, pathname } = new URL(url);
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n`;
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(head + parts.join("") + file, () => socket.destroy()),
      );
      socket.on("close", () => resolve());
    });
    expect(await isThere("broken")).toBe(false);
  });
});
