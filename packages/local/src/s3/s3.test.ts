import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, refusal, type Served, serve } from "./fixture.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const big = bytesOf(300_000);
const Bucket = "uploads";

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterAll(() => s3.end());

const put = (Key: string, Body: string | Buffer | Readable = "x", more = {}) =>
  client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string, more = {}) => {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
};
const head = (Key: string, more = {}) => client.send(new HeadObjectCommand({ Bucket, Key, ...more }));

describe("an object", () => {
  test("comes back as it was put: bytes, type, metadata, checksum and MD5 as its ETag", async () => {
    const Key = "a b/ü+é(1)!.jpg";
    const began = Date.now();
    const stored = await put(Key, big, {
      ContentType: "image/jpeg",
      CacheControl: "max-age=5",
      ContentDisposition: 'attachment; filename="x.jpg"',
      ContentLanguage: "cy",
      ContentEncoding: "identity",
      Metadata: { owner: "u1", title: "two  words" },
    });
    const found = await get(Key, { ChecksumMode: "ENABLED" });
    expect(found.bytes.equals(big)).toBe(true);
    expect(found).toMatchObject({
      ContentType: "image/jpeg",
      ContentLength: 300_000,
      CacheControl: "max-age=5",
      ContentDisposition: 'attachment; filename="x.jpg"',
      ContentLanguage: "cy",
      ContentEncoding: "identity",
      Metadata: { owner: "u1", title: "two  words" },
      ETag: `"${createHash("md5").update(big).digest("hex")}"`,
      ChecksumCRC32: stored.ChecksumCRC32,
      ChecksumType: "FULL_OBJECT",
    });
    // Whole seconds.
    expect(Number(found.LastModified)).toBeGreaterThanOrEqual(began - 1_000);
    expect(Number(found.LastModified)).toBeLessThanOrEqual(Date.now());
  });

  test.each(Object.values(ChecksumAlgorithm).filter((name) => /^(CRC|SHA1$|SHA256$)/.test(name)))(
    "is held to its %s and gives it back",
    async (algorithm) => {
      const stored = await put(`checksum-${algorithm}`, big, { ChecksumAlgorithm: algorithm });
      const field = `Checksum${algorithm}` as "ChecksumSHA256";
      expect(stored[field]).toBeTruthy();
      const found = await get(`checksum-${algorithm}`, { ChecksumMode: "ENABLED" });
      expect(found[field]).toBe(stored[field]);
      const wrong = put(`wrong-${algorithm}`, "other", { [field]: stored[field] });
      expect(await refusal(wrong)).toBe("BadDigest 400");
      expect(await refusal(head(`wrong-${algorithm}`))).toBe("NotFound 404");
    },
  );

  test("may be streamed with its checksum as a trailer, and the framing leaves no trace", async () => {
    const body = Readable.from([big.subarray(0, 1e5), big.subarray(1e5)]);
    await put("stream", body, { ContentLength: big.length });
    const found = await get("stream");
    expect(found.bytes.equals(big)).toBe(true);
    expect(found.ContentEncoding).toBeUndefined();
  });

  test("may be empty", async () => {
    await put("empty", "");
    const found = await get("empty");
    expect([found.ContentLength, found.bytes.length]).toEqual([0, 0]);
  });

  test("is overwritten whole", async () => {
    await put("twice", big, { Metadata: { first: "1" } });
    await put("twice", "second");
    const found = await get("twice");
    expect([found.bytes.toString(), found.Metadata]).toEqual(["second", {}]);
  });

  test("read while it is overwritten keeps the bytes it began with", async () => {
    const first = bytesOf(4 << 20);
    await put("reading", first);
    const answer = await client.send(new GetObjectCommand({ Bucket, Key: "reading" }));
    await put("reading", "second");
    const bytes = await answer.Body?.transformToByteArray();
    expect(Buffer.from(bytes ?? []).equals(first)).toBe(true);
  });

  test("is gone when it is deleted, and deleting it again is no error", async () => {
    await put("gone");
    expect(await refusal(client.send(new DeleteObjectCommand({ Bucket, Key: "gone" })))).toBe("none");
    expect(await refusal(client.send(new DeleteObjectCommand({ Bucket, Key: "gone" })))).toBe("none");
    expect(await refusal(get("gone"))).toBe("NoSuchKey 404");
    expect(await refusal(head("gone"))).toBe("NotFound 404");
  });

  test("may not have more metadata than S3 takes", async () => {
    expect(await refusal(put("meta", "x", { Metadata: { a: "b".repeat(2047) } }))).toBe("none");
    expect(await refusal(put("meta", "x", { Metadata: { a: "b".repeat(2048) } }))).toBe(
      "MetadataTooLarge 400",
    );
  });
});

describe("a key", () => {
  const odd = [
    "../../../etc/passwd",
    "..",
    "a/../b",
    "a/./b",
    "%2e%2e/%2E%2E/x",
    "trailing/",
    "/leading",
    "//",
    "a//b",
    " spaces ",
    "a+b c",
    "tab\tand\nline\rends",
    "\u0001\u001f\u007f",
    "quotes'\"`&<>",
    "back\\slash:*?|",
    "con.txt. ",
    "emoji😀",
    "\uffee above, 𐀀 beyond",
    "é composed, e\u0301 not",
    `${"€".repeat(341)}x`,
    "k".repeat(1024),
  ];

  test.each(odd)("may be %j", async (Key) => {
    await put(Key, Key);
    expect((await get(Key)).bytes.toString()).toBe(Key);
    const { LastModified } = await head(Key);
    expect(LastModified).toBeInstanceOf(Date);
  });

  test("is never another key that looks like it", async () => {
    await put("Case", "upper");
    await put("case", "lower");
    await put("case/", "folder");
    expect((await get("Case")).bytes.toString()).toBe("upper");
    expect((await get("case")).bytes.toString()).toBe("lower");
    expect((await get("case/")).bytes.toString()).toBe("folder");
  });

  test("of more than 1,024 bytes is refused, however few characters they are", async () => {
    expect(await refusal(put("k".repeat(1025)))).toBe("KeyTooLongError 400");
    expect(await refusal(put("€".repeat(342)))).toBe("KeyTooLongError 400");
  });

  test("with NUL is refused", async () => {
    expect(await refusal(put("a\0b"))).toBe("InvalidArgument 400");
  });

  test("is deleted by its name, with others in one request where XML can carry it", async () => {
    const inXml = odd.filter((key) => !key.includes("\u0001"));
    const Objects = inXml.map((Key) => ({ Key }));
    const removed = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(removed.Errors).toBeUndefined();
    expect(removed.Deleted?.map(({ Key }) => Key)).toEqual(inXml);
    for (const Key of odd)
      if (!inXml.includes(Key)) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    for (const Key of odd) expect(await refusal(head(Key))).toBe("NotFound 404");
  });
});

describe("a range", () => {
  beforeAll(() => put("ranged", big));

  test.each([
    ["bytes=10-19", "bytes 10-19/300000", 10, 20],
    ["bytes=299990-", "bytes 299990-299999/300000", 299_990, 300_000],
    ["bytes=-5", "bytes 299995-299999/300000", 299_995, 300_000],
    ["bytes=-999999", "bytes 0-299999/300000", 0, 300_000],
    ["bytes=299999-400000", "bytes 299999-299999/300000", 299_999, 300_000],
  ])("%s is %s", async (Range, ContentRange, start, end) => {
    const found = await get("ranged", { Range, ChecksumMode: "ENABLED" });
    expect([found.$metadata.httpStatusCode, found.ContentRange]).toEqual([206, ContentRange]);
    expect(found.bytes.equals(big.subarray(start, end))).toBe(true);
    expect(found.ChecksumCRC32).toBeUndefined();
  });

  test.each(["bytes=300000-", "bytes=-0"])("%s beyond the object is refused", async (Range) => {
    expect(await refusal(get("ranged", { Range }))).toBe("InvalidRange 416");
  });

  test.each(["bytes=5-2", "bytes=0-1,4-5", "lines=1-2"])("%s is not one, and all comes", async (Range) => {
    expect((await get("ranged", { Range })).bytes.length).toBe(300_000);
  });
});

describe("a part", () => {
  const parts = [bytesOf(5 << 20), bytesOf(5 << 20), bytesOf(1000)];
  const Key = "in parts";

  beforeAll(async () => {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = await Promise.all(
      parts.map(async (Body, index) => {
        const part = { Bucket, Key, UploadId, PartNumber: index + 1 };
        const { ETag } = await client.send(new UploadPartCommand({ ...part, Body }));
        return { ETag, PartNumber: index + 1 };
      }),
    );
    const MultipartUpload = { Parts };
    await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  });

  test("is read by its number, with its place in the object and the number of parts", async () => {
    const total = 2 * (5 << 20) + 1000;
    for (const [index, bytes] of parts.entries()) {
      const start = index * (5 << 20);
      const found = await get(Key, { PartNumber: index + 1 });
      expect(found.bytes.equals(bytes)).toBe(true);
      const expected = {
        ContentRange: `bytes ${start}-${start + bytes.length - 1}/${total}`,
        ContentLength: bytes.length,
        PartsCount: 3,
      };
      expect(found).toMatchObject(expected);
      expect(await head(Key, { PartNumber: index + 1 })).toMatchObject(expected);
    }
  });

  test("of an object that was put at once is the whole object", async () => {
    await put("at once", "hello");
    expect((await get("at once", { PartNumber: 1 })).bytes.toString()).toBe("hello");
    expect((await head("at once", { PartNumber: 1 })).PartsCount).toBeUndefined();
    await put("nothing", "");
    expect((await get("nothing", { PartNumber: 1 })).ContentLength).toBe(0);
  });

  test.each([
    [{ PartNumber: 4 }, "InvalidPartNumber 416"],
    [{ PartNumber: 0 }, "InvalidArgument 400"],
    [{ PartNumber: 10_001 }, "InvalidArgument 400"],
    [{ PartNumber: 1, Range: "bytes=0-1" }, "InvalidRequest 400"],
  ])("as %j is refused", async (more, expected) => {
    expect(await refusal(get(Key, more))).toBe(expected);
  });
});

describe("encryption", () => {
  test("by AES256 is accepted, and named by every response about an object, as S3 does", async () => {
    const ServerSideEncryption = "AES256" as const;
    const Key = "sealed";
    const named = { ServerSideEncryption };
    expect(await put(Key, "x", named)).toMatchObject(named);
    expect(await head(Key)).toMatchObject(named);
    expect(await get(Key)).toMatchObject(named);
    const CopySource = `${Bucket}/${Key}`;
    expect(
      await client.send(new CopyObjectCommand({ Bucket, Key: "c", CopySource, ...named })),
    ).toMatchObject(named);
    const begun = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...named }));
    expect(begun).toMatchObject(named);
    const part = { Bucket, Key, UploadId: begun.UploadId, PartNumber: 1 };
    const { ETag, ...rest } = await client.send(new UploadPartCommand({ ...part, Body: "x" }));
    expect(rest).toMatchObject(named);
    const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
    expect(await client.send(new CompleteMultipartUploadCommand({ ...part, MultipartUpload }))).toMatchObject(
      named,
    );
  });
});

describe("tags", () => {
  test("of an object are none, which clients read before they copy it", async () => {
    await put("untagged");
    const tagging = (Key: string) => client.send(new GetObjectTaggingCommand({ Bucket, Key }));
    expect((await tagging("untagged")).TagSet).toEqual([]);
    expect(await refusal(tagging("missing"))).toBe("NoSuchKey 404");
    const copy = { Bucket, Key: "copied", CopySource: `${Bucket}/untagged` };
    for (const TaggingDirective of ["COPY", "REPLACE"] as const)
      expect(await refusal(client.send(new CopyObjectCommand({ ...copy, TaggingDirective })))).toBe("none");
    const tagged = new CopyObjectCommand({ ...copy, TaggingDirective: "REPLACE", Tagging: "a=b" });
    expect(await refusal(client.send(tagged))).toBe("NotImplemented 501");
    const begun = new CreateMultipartUploadCommand({ Bucket, Key: "copied", Tagging: "a=b" });
    expect(await refusal(client.send(begun))).toBe("NotImplemented 501");
  });
});

describe("a conditional read", () => {
  const earlier = new Date(Date.now() - 60_000);
  const later = new Date(Date.now() + 60_000);
  let ETag = "";

  beforeAll(async () => {
    ETag = (await put("read", "x")).ETag ?? "";
  });

  test("is answered by the tables of RFC 9110", async () => {
    expect(await refusal(get("read", { IfMatch: ETag }))).toBe("none");
    expect(await refusal(get("read", { IfMatch: `"other", ${ETag}` }))).toBe("none");
    expect(await refusal(get("read", { IfMatch: '"other"' }))).toBe("PreconditionFailed 412");
    expect(await refusal(get("read", { IfNoneMatch: ETag }))).toMatch(/304$/);
    expect(await refusal(head("read", { IfNoneMatch: ETag }))).toMatch(/304$/);
    expect(await refusal(get("read", { IfNoneMatch: '"other"' }))).toBe("none");
    expect(await refusal(get("read", { IfModifiedSince: later }))).toMatch(/304$/);
    expect(await refusal(get("read", { IfModifiedSince: earlier }))).toBe("none");
    expect(await refusal(get("read", { IfUnmodifiedSince: earlier }))).toBe("PreconditionFailed 412");
    expect(await refusal(get("read", { IfUnmodifiedSince: later }))).toBe("none");
    expect(await refusal(get("read", { IfMatch: ETag, IfUnmodifiedSince: earlier }))).toBe("none");
    expect(await refusal(get("read", { IfNoneMatch: '"other"', IfModifiedSince: later }))).toBe("none");
  });
});

describe("a conditional write", () => {
  test("If-None-Match: * writes once and never twice", async () => {
    expect(await refusal(put("once", "1", { IfNoneMatch: "*" }))).toBe("none");
    expect(await refusal(put("once", "2", { IfNoneMatch: "*" }))).toBe("PreconditionFailed 412");
    expect((await get("once")).bytes.toString()).toBe("1");
  });

  test("of twenty at once exactly one is stored", async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refusal(put("race", `${i}`.repeat(9e4), { IfNoneMatch: "*" }))),
    );
    expect(results.filter((result) => result === "none")).toHaveLength(1);
    expect(results.filter((result) => result === "PreconditionFailed 412")).toHaveLength(19);
  });

  test("If-Match writes over that version only", async () => {
    const { ETag } = await put("match", "1");
    expect(await refusal(put("match", "2", { IfMatch: '"other"' }))).toBe("PreconditionFailed 412");
    expect(await refusal(put("match", "2", { IfMatch: ETag }))).toBe("none");
    expect(await refusal(put("match", "3", { IfMatch: ETag }))).toBe("PreconditionFailed 412");
    expect(await refusal(put("missing", "1", { IfMatch: ETag }))).toBe("NoSuchKey 404");
    expect((await get("match")).bytes.toString()).toBe("2");
  });

  test("If-Match on an object that is removed while the body comes in is a conflict", async () => {
    const { ETag } = await put("conflict", "1");
    const body = Readable.from(
      (async function* () {
        yield big.subarray(0, 1e5);
        await client.send(new DeleteObjectCommand({ Bucket, Key: "conflict" }));
        yield big.subarray(1e5);
      })(),
    );
    const late = put("conflict", body, { ContentLength: big.length, IfMatch: ETag });
    expect(await refusal(late)).toBe("ConditionalRequestConflict 409");
    expect(await refusal(head("conflict"))).toBe("NotFound 404");
  });

  test("If-None-Match with an ETag is not something S3 does", async () => {
    expect(await refusal(put("once", "2", { IfNoneMatch: '"x"' }))).toBe("NotImplemented 501");
  });

  test("a deletion with If-Match removes that version only", async () => {
    const { ETag } = await put("remove", "1");
    const remove = (IfMatch?: string) =>
      client.send(new DeleteObjectCommand({ Bucket, Key: "remove", IfMatch }));
    expect(await refusal(remove('"other"'))).toBe("PreconditionFailed 412");
    expect(await refusal(remove(ETag))).toBe("none");
    expect(await refusal(head("remove"))).toBe("NotFound 404");
  });
});

describe("a copy", () => {
  const copy = (Key: string, from: string, more = {}) =>
    client.send(
      new CopyObjectCommand({
        Bucket: "processed",
        Key,
        CopySource: encodeURIComponent(`uploads/${from}`),
        ...more,
      }),
    );
  const Source = "copy source/ü+é.jpg";

  beforeAll(() => put(Source, big, { ContentType: "image/jpeg", Metadata: { owner: "u1" } }));

  test("takes bytes, type, metadata and checksum along", async () => {
    const result = await copy("same", Source);
    const found = await client.send(
      new GetObjectCommand({ Bucket: "processed", Key: "same", ChecksumMode: "ENABLED" }),
    );
    const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    expect(bytes.equals(big)).toBe(true);
    expect(found).toMatchObject({
      ContentType: "image/jpeg",
      Metadata: { owner: "u1" },
      ETag: result.CopyObjectResult?.ETag,
      ChecksumCRC32: result.CopyObjectResult?.ChecksumCRC32,
    });
  });

  test("takes new metadata with REPLACE", async () => {
    await copy("new", Source, {
      MetadataDirective: "REPLACE",
      Metadata: { n: "2" },
      ContentType: "image/png",
    });
    const found = await client.send(new HeadObjectCommand({ Bucket: "processed", Key: "new" }));
    expect(found).toMatchObject({ ContentType: "image/png", Metadata: { n: "2" }, ContentLength: 300_000 });
  });

  test("is refused where S3 refuses it", async () => {
    const self = (more = {}) =>
      client.send(
        new CopyObjectCommand({
          Bucket,
          Key: Source,
          CopySource: encodeURIComponent(`uploads/${Source}`),
          ...more,
        }),
      );
    expect(await refusal(self())).toBe("InvalidRequest 400");
    expect(await refusal(self({ MetadataDirective: "REPLACE", Metadata: { owner: "u2" } }))).toBe("none");
    expect(await refusal(copy("x", "missing"))).toBe("NoSuchKey 404");
    expect(await refusal(copy("x", Source, { CopySource: "nowhere/x" }))).toBe("NoSuchBucket 404");
    expect(await refusal(copy("x", Source, { CopySourceIfMatch: '"other"' }))).toBe("PreconditionFailed 412");
    const { ETag } = await head(Source);
    expect(await refusal(copy("x", Source, { CopySourceIfNoneMatch: ETag }))).toBe("PreconditionFailed 412");
    expect(await refusal(copy("same", Source, { IfNoneMatch: "*" }))).toBe("PreconditionFailed 412");
  });
});

describe("a deletion of many", () => {
  test("tells which keys, says nothing when quiet, and needs a checksum", async () => {
    for (const Key of ["many/1", "many/2", "many/3"]) await put(Key);
    const remove = (keys: string[], Quiet?: boolean) =>
      client.send(
        new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })), Quiet } }),
      );
    expect((await remove(["many/1", "many/none"])).Deleted?.map(({ Key }) => Key)).toEqual([
      "many/1",
      "many/none",
    ]);
    expect((await remove(["many/2"], true)).Deleted).toBeUndefined();
    const versioned = await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "many/3", VersionId: "v1" }] } }),
    );
    expect(await refusal(head("many/3"))).toBe("none");
    expect(versioned.Errors?.map(({ Key, Code }) => [Key, Code])).toEqual([["many/3", "NotImplemented"]]);
  });

  test("removes an object with an ETag only in that version", async () => {
    const stored = await put("many/etag");
    const remove = async (ETag: string | undefined) => {
      const Objects = [{ Key: "many/etag", ETag }, { Key: "many/absent" }];
      const { Errors } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      return Errors?.map(({ Key, Code }) => `${Key} ${Code}`);
    };
    expect(await remove('"0123"')).toEqual(["many/etag PreconditionFailed"]);
    expect(await refusal(head("many/etag"))).toBe("none");
    expect(await remove(stored.ETag)).toBeUndefined();
    expect(await refusal(head("many/etag"))).toBe("NotFound 404");
  });

  test("with a condition on size or time is refused whole, and nothing is deleted", async () => {
    await put("many/a");
    for (const condition of [{ Size: 999 }, { Size: 1 }, { LastModifiedTime: new Date() }]) {
      const Objects = [{ Key: "many/a" }, { Key: "many/a", ...condition }];
      const call = client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      expect(await refusal(call)).toBe("NotImplemented 501");
    }
    expect(await refusal(head("many/a"))).toBe("none");
  });
});

describe("buckets", () => {
  test("are those that were named, and answer what clients ask of them", async () => {
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual(["uploads", "processed"]);
    expect((await client.send(new HeadBucketCommand({ Bucket }))).BucketRegion).toBe("us-east-1");
    expect((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBeFalsy();
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
    expect(await refusal(client.send(new HeadBucketCommand({ Bucket: "nowhere" })))).toBe("NotFound 404");
    expect(await refusal(client.send(new CreateBucketCommand({ Bucket })))).toBe(
      "BucketAlreadyOwnedByYou 409",
    );
    expect(await refusal(client.send(new CreateBucketCommand({ Bucket: "another" })))).toBe(
      "NotImplemented 501",
    );
    expect(await refusal(client.send(new PutObjectCommand({ Bucket: "nowhere", Key: "x" })))).toBe(
      "NoSuchBucket 404",
    );
  });
});

describe("what is not implemented", () => {
  test.each([
    ["GetObjectAcl", () => client.send(new GetObjectAclCommand({ Bucket, Key: "x" }))],
    [
      "PutObjectTagging",
      () => client.send(new PutObjectTaggingCommand({ Bucket, Key: "x", Tagging: { TagSet: [] } })),
    ],
    [
      "PutBucketLifecycle",
      () =>
        client.send(
          new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [] } }),
        ),
    ],
    ["a version", () => get("x", { VersionId: "v1" })],
    ["tags", () => put("x", "x", { Tagging: "a=b" })],
    ["encryption by KMS", () => put("x", "x", { ServerSideEncryption: "aws:kms" })],
    ["a lock", () => put("x", "x", { ObjectLockLegalHoldStatus: "ON" })],
    ["a redirect", () => put("x", "x", { WebsiteRedirectLocation: "/y" })],
  ])("%s is answered with NotImplemented, never with a silent 200", async (_, call) => {
    await put("kept", "x");
    expect(await refusal(call())).toBe("NotImplemented 501");
  });

  test("public ACLs and other storage classes are refused as S3 refuses them", async () => {
    expect(await refusal(put("x", "x", { ACL: "private" }))).toBe("none");
    expect(await refusal(put("x", "x", { ACL: "public-read" }))).toBe("AccessControlListNotSupported 400");
    expect(await refusal(put("x", "x", { StorageClass: "GLACIER" }))).toBe("InvalidStorageClass 400");
  });
});
