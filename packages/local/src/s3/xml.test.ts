import { createHash } from "node:crypto";
import { HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { AwsClient } from "aws4fetch";
import fc from "fast-check";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { S3Error } from "./error.ts";
import { keys, outcome, refusal, type Served, serve } from "./fixture.ts";
import { document, parse, text } from "./xml.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const aws = new AwsClient({ ...keys, region: "us-east-1", service: "s3", retries: 0 });
const Bucket = "uploads";

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterAll(() => s3.end());

/** Any Unicode text without lone surrogates, which UTF-8 cannot carry. */
const anyText = fc.string({ unit: "binary", maxLength: 12 });

/** Characters that XML 1.0 has: https://www.w3.org/TR/xml/#charsets. */
const xmlText = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

const named: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escapings = {
  raw: (value: string) => value.replace(/[&<>]/g, (char) => named[char] ?? char),
  decimal: (value: string) => [...value].map((char) => `&#${char.codePointAt(0)};`).join(""),
  hexadecimal: (value: string) =>
    [...value].map((char) => `&#x${char.codePointAt(0)?.toString(16)};`).join(""),
};

const Shape = v.strictObject({ Key: text });
const read = (body: string | Buffer) => {
  try {
    return parse(Buffer.from(body), "Delete", Shape).Key;
  } catch (error) {
    if (error instanceof S3Error && error.code === "MalformedXML") return undefined;
    throw error;
  }
};

describe("a text in XML", () => {
  test.each(Object.entries(escapings))(
    "that was escaped as %s is read as it was, or refused",
    (name, escaped) => {
      fc.assert(
        fc.property(anyText, (value) => {
          // Raw line ends are normalized by XML itself.
          const expected = name === "raw" ? value.replace(/\r\n?/g, "\n") : value;
          const found = read(`<Delete><Key>${escaped(value)}</Key></Delete>`);
          expect(found).toBe(xmlText.test(value) ? expected : undefined);
        }),
        { numRuns: 2000 },
      );
    },
  );

  test("that this endpoint writes is read as it was", () => {
    fc.assert(
      fc.property(anyText, (Key) => {
        if (xmlText.test(Key)) expect(read(document("Delete", { Key }))).toBe(Key);
      }),
      { numRuns: 2000 },
    );
  });

  test("of any bytes is text that encodes to these bytes, or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
        const body = Buffer.concat([Buffer.from("<Delete><Key>"), bytes, Buffer.from("</Key></Delete>")]);
        const found = read(body);
        if (found !== undefined && !/[&\r\]<]/.test(body.toString("latin1", 13, 13 + bytes.length)))
          expect(Buffer.from(found).equals(bytes)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("a document", () => {
  test.each([
    ["another root", "<Remove><Key>a</Key></Remove>"],
    ["another namespace", '<Delete xmlns="http://example.com/"><Key>a</Key></Delete>'],
    ["an unknown element", "<Delete><Key>a</Key><Size>1</Size></Delete>"],
    ["an element named like a prototype", "<Delete><Key>a</Key><__proto__>1</__proto__></Delete>"],
    ["an element twice", "<Delete><Key>a</Key><Key>b</Key></Delete>"],
    ["text between its elements", "<Delete>b<Key>a</Key></Delete>"],
    ["an element within a text", "<Delete><Key>a<b/>c</Key></Delete>"],
    ["a missing element", "<Delete></Delete>"],
    ["an unclosed element", "<Delete><Key>a</Key>"],
    ["two roots", "<Delete><Key>a</Key></Delete><Delete><Key>b</Key></Delete>"],
    ["an unknown entity", "<Delete><Key>a&nbsp;b</Key></Delete>"],
    ["a document type", '<!DOCTYPE Delete [<!ENTITY x "y">]><Delete><Key>&x;</Key></Delete>'],
    ["another encoding", '<?xml version="1.0" encoding="ISO-8859-1"?><Delete><Key>a</Key></Delete>'],
    ["nothing", ""],
    ["JSON", '{"Delete":{"Key":"a"}}'],
  ])("with %s is refused", (_, body) => {
    expect(read(body)).toBeUndefined();
  });

  test.each([
    [
      "a declaration and S3's namespace",
      '<?xml version="1.0"?>\n<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n <Key>a</Key>\n</Delete>\n',
    ],
    ["a prefix", '<s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Key>a</s:Key></s:Delete>'],
    ["CDATA, comments and a byte order mark", "\ufeff<Delete><!-- b --><Key><![CDATA[a]]></Key></Delete>"],
  ])("with %s is read", (_, body) => {
    expect(read(body)).toBe("a");
  });
});

describe("DeleteObjects", () => {
  const remove = (body: string) =>
    aws.fetch(`${s3.url}/${Bucket}?delete`, {
      method: "POST",
      body,
      headers: { "content-md5": createHash("md5").update(body).digest("base64") },
    });
  const isThere = async (Key: string) =>
    (await refusal(client.send(new HeadObjectCommand({ Bucket, Key })))) === "none";

  test("deletes exactly the key that it names, or nothing", async () => {
    const escaping = fc.constantFrom(escapings.decimal, escapings.hexadecimal, escapings.raw);
    const key = fc
      .string({ unit: "binary", minLength: 1, maxLength: 8 })
      .filter((each) => !each.includes("\0"));
    let deleted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(key, escaping, async (Key, escaped) => {
        // Keys that a lenient parser makes of it: without the characters that XML lacks, trimmed, with other line ends.
        const likes = [
          [...Key].filter((char) => xmlText.test(char)).join(""),
          Key.trim(),
          Key.replace(/\r\n?/g, "\n"),
        ];
        const near = [...new Set(likes)].filter((each) => each !== Key && each !== "");
        for (const each of [Key, ...near])
          await client.send(new PutObjectCommand({ Bucket, Key: each, Body: "x" }));
        const answer = await outcome(remove(`<Delete><Object><Key>${escaped(Key)}</Key></Object></Delete>`));
        const rawLineEnd = escaped === escapings.raw && Key.includes("\r");
        if (xmlText.test(Key) && !rawLineEnd) {
          deleted++;
          expect([answer, await isThere(Key)]).toEqual(["200", false]);
          for (const each of near) expect([each, await isThere(each)]).toEqual([each, true]);
        } else if (!rawLineEnd) {
          refused++;
          expect([answer, await isThere(Key)]).toEqual(["400 MalformedXML", true]);
          for (const each of near) expect([each, await isThere(each)]).toEqual([each, true]);
        }
      }),
      {
        numRuns: 150,
        examples: [
          ["a\u0001b", escapings.decimal],
          [" a ", escapings.raw],
          ["a\r\nb", escapings.decimal],
        ],
      },
    );
    expect(deleted).toBeGreaterThan(30);
    expect(refused).toBeGreaterThan(0);
  });

  test.each([
    ["no object", "<Delete></Delete>"],
    ["an object without a key", "<Delete><Object><VersionId>null</VersionId></Object></Delete>"],
    ["two keys in an object", "<Delete><Object><Key>kept</Key><Key>b</Key></Object></Delete>"],
    ["a key outside of an object", "<Delete><Key>kept</Key></Delete>"],
    ["an unknown condition", "<Delete><Object><Key>kept</Key><Owner>me</Owner></Object></Delete>"],
    ["a word for Quiet", "<Delete><Quiet>perhaps</Quiet><Object><Key>kept</Key></Object></Delete>"],
    ["1,001 objects", `<Delete>${"<Object><Key>kept</Key></Object>".repeat(1001)}</Delete>`],
  ])("with %s deletes nothing", async (_, body) => {
    await client.send(new PutObjectCommand({ Bucket, Key: "kept", Body: "x" }));
    expect(await outcome(remove(body))).toBe("400 MalformedXML");
    expect(await isThere("kept")).toBe(true);
  });

  test("with a condition on the size deletes nothing", async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: "cond", Body: "x" }));
    const body = "<Delete><Object><Key>cond</Key><Size>999</Size></Object></Delete>";
    expect(await outcome(remove(body))).toBe("501 NotImplemented");
    expect(await isThere("cond")).toBe(true);
  });
});

describe("CompleteMultipartUpload", () => {
  const complete = (body: string) =>
    outcome(aws.fetch(`${s3.url}/${Bucket}/x?uploadId=none`, { method: "POST", body }));
  const part = (inside: string) =>
    `<CompleteMultipartUpload><Part>${inside}</Part></CompleteMultipartUpload>`;

  test.each([
    ["no part", "<CompleteMultipartUpload></CompleteMultipartUpload>"],
    ["a part without an ETag", part("<PartNumber>1</PartNumber>")],
    ["a part without a number", part("<ETag>a</ETag>")],
    ["a number in hexadecimal", part("<PartNumber>0x1</PartNumber><ETag>a</ETag>")],
    ["an unknown checksum", part("<PartNumber>1</PartNumber><ETag>a</ETag><ChecksumMD4>a</ChecksumMD4>")],
  ])("with %s is refused", async (_, body) => {
    expect(await complete(body)).toBe("400 MalformedXML");
  });

  test("that is well-formed reaches the upload", async () => {
    expect(await complete(part("<PartNumber>1</PartNumber><ETag>a</ETag>"))).toBe("404 NoSuchUpload");
  });
});
