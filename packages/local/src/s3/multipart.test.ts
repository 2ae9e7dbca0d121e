import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, refusal, type Served, serve } from "./fixture.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const Bucket = "uploads";
const five = 5 << 20;
const bytes = bytesOf(five * 2 + 1000);
const [first, second, last] = [
  bytes.subarray(0, five),
  bytes.subarray(five, five * 2),
  bytes.subarray(five * 2),
];

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
});
afterAll(() => s3.end());

const begin = async (Key: string, more = {}) => {
  const { UploadId = "" } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return { Bucket, Key, UploadId };
};
type Target = Awaited<ReturnType<typeof begin>>;
const part = async (target: Target, PartNumber: number, Body: Buffer, more = {}): Promise<CompletedPart> => {
  const { $metadata, ...stored } = await client.send(
    new UploadPartCommand({ ...target, PartNumber, Body, ...more }),
  );
  return { ...stored, PartNumber };
};
const complete = (target: Target, Parts: CompletedPart[], more = {}) =>
  client.send(new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts }, ...more }));
const get = async (Key: string) => {
  const found = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
  return { ...found, bytes: Buffer.from((await found.Body?.transformToByteArray()) ?? []) };
};
const md5 = (data: Buffer) => createHash("md5").update(data).digest();

describe("a multipart upload", () => {
  test("becomes one object, with S3's ETag, its headers and one event", async () => {
    const target = await begin("whole ü", {
      ContentType: "image/png",
      Metadata: { owner: "u1" },
      ChecksumAlgorithm: "SHA1",
    });
    const ChecksumAlgorithm = "SHA1";
    const parts = [
      await part(target, 1, first, { ChecksumAlgorithm }),
      await part(target, 2, second, { ChecksumAlgorithm }),
      await part(target, 7, last, { ChecksumAlgorithm }),
    ];
    expect(await refusal(client.send(new HeadObjectCommand({ Bucket, Key: target.Key })))).toBe(
      "NotFound 404",
    );
    const answer = await complete(target, parts);
    const etag = `${createHash("md5")
      .update(Buffer.concat([first, second, last].map(md5)))
      .digest("hex")}-3`;
    expect(answer).toMatchObject({
      Bucket,
      Key: "whole ü",
      ETag: `"${etag}"`,
      Location: `${s3.url}/uploads/whole%20%C3%BC`,
    });
    const found = await get("whole ü");
    expect(found.bytes.equals(bytes)).toBe(true);
    expect(found).toMatchObject({ ContentType: "image/png", Metadata: { owner: "u1" }, ETag: `"${etag}"` });
    const sums = [first, second, last].map((data) => createHash("sha1").update(data).digest());
    const composite = createHash("sha1").update(Buffer.concat(sums)).digest("base64");
    expect([found.ChecksumType, found.ChecksumSHA1]).toEqual(["COMPOSITE", `${composite}-3`]);
    expect(s3.events.filter(({ key }) => key === "whole ü")).toMatchObject([
      { name: "ObjectCreated:CompleteMultipartUpload", size: bytes.length, eTag: etag },
    ]);
  });

  test("of a stream of unknown length works through lib-storage", async () => {
    const Body = Readable.from(
      (function* () {
        for (let i = 0; i < bytes.length; i += 65_536) yield bytes.subarray(i, i + 65_536);
      })(),
    );
    const { ETag } = await new Upload({ client, params: { Bucket, Key: "stream", Body } }).done();
    expect(ETag).toMatch(/-3"$/);
    expect((await get("stream")).bytes.equals(bytes)).toBe(true);
  });

  test.each(["CRC32", "CRC32C", "CRC64NVME"] as const)(
    "may have a %s of the whole object",
    async (ChecksumAlgorithm) => {
      const field = `Checksum${ChecksumAlgorithm}` as const;
      const { [field]: expected } = await client.send(
        new PutObjectCommand({ Bucket, Key: "single", Body: bytes, ChecksumAlgorithm }),
      );
      const target = await begin("full", { ChecksumAlgorithm, ChecksumType: "FULL_OBJECT" });
      const parts = [
        await part(target, 1, first, { ChecksumAlgorithm }),
        await part(target, 2, Buffer.concat([second, last]), { ChecksumAlgorithm }),
      ];
      expect(await refusal(complete(target, parts, { [field]: "AAAAAA==" }))).toBe("BadDigest 400");
      const answer = await complete(target, parts, { [field]: expected, MpuObjectSize: bytes.length });
      expect(answer).toMatchObject({ [field]: expected, ChecksumType: "FULL_OBJECT" });
      expect(await get("full")).toMatchObject({ [field]: expected });
    },
  );

  test("answers a repeated completion with what it became, without another event", async () => {
    const target = await begin("repeated");
    const parts = [await part(target, 1, last)];
    const answer = await complete(target, parts, { IfNoneMatch: "*" });
    const again = await complete(target, parts, { IfNoneMatch: "*" });
    expect(again.ETag).toBe(answer.ETag);
    expect(s3.events.filter(({ key }) => key === "repeated")).toHaveLength(1);
  });

  test("takes a part that is sent again in place of the first", async () => {
    const target = await begin("replaced");
    const old = await part(target, 1, first);
    const parts = [await part(target, 1, last)];
    expect(await refusal(complete(target, [old]))).toBe("InvalidPart 400");
    await complete(target, parts);
    expect((await get("replaced")).bytes.equals(last)).toBe(true);
  });

  test("lists its parts, a page at a time", async () => {
    const target = await begin("listed");
    for (const number of [1, 3, 10]) await part(target, number, last);
    const page = await client.send(new ListPartsCommand({ ...target, MaxParts: 2 }));
    expect(page).toMatchObject({ IsTruncated: true, NextPartNumberMarker: "3" });
    expect(page.Parts).toMatchObject([
      { PartNumber: 1, Size: 1000, ETag: `"${md5(last).toString("hex")}"` },
      { PartNumber: 3, Size: 1000 },
    ]);
    const rest = await client.send(
      new ListPartsCommand({ ...target, PartNumberMarker: page.NextPartNumberMarker }),
    );
    expect([rest.IsTruncated, rest.Parts?.map(({ PartNumber }) => PartNumber)]).toEqual([false, [10]]);
  });

  test("can be copied together from what is there", async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: "source", Body: bytes }));
    const target = await begin("copied");
    const copy = async (PartNumber: number, CopySourceRange: string) => {
      const { CopyPartResult } = await client.send(
        new UploadPartCopyCommand({ ...target, PartNumber, CopySource: "uploads/source", CopySourceRange }),
      );
      const { LastModified, ...stored } = CopyPartResult ?? {};
      return { ...stored, PartNumber };
    };
    const parts = [await copy(1, `bytes=0-${five - 1}`), await copy(2, `bytes=${five}-${bytes.length - 1}`)];
    expect(await refusal(copy(3, `bytes=0-${bytes.length}`))).toBe("InvalidArgument 400");
    await complete(target, parts);
    expect((await get("copied")).bytes.equals(bytes)).toBe(true);
  });

  test("takes parts by presigned URL", async () => {
    const plain = s3.client({ requestChecksumCalculation: "WHEN_REQUIRED" });
    const { UploadId } = await plain.send(new CreateMultipartUploadCommand({ Bucket, Key: "signed" }));
    const url = await getSignedUrl(
      plain,
      new UploadPartCommand({ Bucket, Key: "signed", UploadId, PartNumber: 1 }),
    );
    const answer = await fetch(url, { method: "PUT", body: new Uint8Array(last) });
    const parts = [{ PartNumber: 1, ETag: answer.headers.get("etag") ?? "" }];
    await complete({ Bucket, Key: "signed", UploadId: UploadId ?? "" }, parts);
    expect((await get("signed")).bytes.equals(last)).toBe(true);
  });
});

describe("a completion is refused", () => {
  test("for parts that are missing, wrong, too small or out of order, and can then be put right", async () => {
    const target = await begin("strict");
    const [one, two, three] = [
      await part(target, 1, last),
      await part(target, 2, first),
      await part(target, 3, last),
    ];
    expect(await refusal(complete(target, [one, two]))).toBe("EntityTooSmall 400");
    expect(await refusal(complete(target, [three, two]))).toBe("InvalidPartOrder 400");
    expect(await refusal(complete(target, [two, two]))).toBe("InvalidPartOrder 400");
    expect(await refusal(complete(target, [two, { ...three, PartNumber: 4 }]))).toBe("InvalidPart 400");
    expect(await refusal(complete(target, [two, { ...three, ETag: two.ETag }]))).toBe("InvalidPart 400");
    expect(await refusal(complete(target, [two, { ...three, ChecksumCRC32: "AAAAAA==" }]))).toBe(
      "InvalidPart 400",
    );
    expect(await refusal(complete(target, []))).toBe("MalformedXML 400");
    expect(await refusal(complete(target, [two, three], { MpuObjectSize: 1 }))).toBe("InvalidRequest 400");
    expect(await refusal(complete(target, [two, three]))).toBe("none");
  });

  test("by its conditions, and the parts stay", async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: "taken", Body: "x" }));
    const target = await begin("taken");
    const parts = [await part(target, 1, last)];
    expect(await refusal(complete(target, parts, { IfNoneMatch: "*" }))).toBe("PreconditionFailed 412");
    expect(await refusal(complete(target, parts, { IfMatch: '"other"' }))).toBe("PreconditionFailed 412");
    expect((await client.send(new ListPartsCommand(target))).Parts).toHaveLength(1);
    expect(await refusal(complete(target, parts))).toBe("none");
  });
});

describe("an upload that is not under way", () => {
  test("takes nothing: aborted, finished, of another key, or made up", async () => {
    const target = await begin("aborted");
    const parts = [await part(target, 1, last)];
    await client.send(new AbortMultipartUploadCommand(target));
    const other = { ...(await begin("one")), Key: "two" };
    const outside = { ...target, UploadId: "../../objects" };
    for (const nowhere of [target, other, outside, { ...target, UploadId: "x" }]) {
      expect(await refusal(part(nowhere, 1, last))).toBe("NoSuchUpload 404");
      expect(await refusal(complete(nowhere, parts))).toBe("NoSuchUpload 404");
      expect(await refusal(client.send(new ListPartsCommand(nowhere)))).toBe("NoSuchUpload 404");
      expect(await refusal(client.send(new AbortMultipartUploadCommand(nowhere)))).toBe("NoSuchUpload 404");
    }
  });

  test("is not looked for outside the folder of uploads", async () => {
    const outside = path.join(s3.dataDir, "outside");
    await mkdir(outside);
    const pending = { id: "../outside", bucket: Bucket, key: "trap", initiated: 0, headers: {} };
    await writeFile(path.join(outside, "upload.json"), JSON.stringify(pending));
    const target = { Bucket, Key: "trap", UploadId: "../outside" };
    expect(await refusal(client.send(new ListPartsCommand(target)))).toBe("NoSuchUpload 404");
    expect(await refusal(client.send(new AbortMultipartUploadCommand(target)))).toBe("NoSuchUpload 404");
    expect(await readdir(outside)).toEqual(["upload.json"]);
  });

  test("does not take a part that was still on its way when it was aborted", async () => {
    const target = await begin("late");
    const Body = Readable.from(
      (async function* () {
        yield first.subarray(0, 1e5);
        await client.send(new AbortMultipartUploadCommand(target));
        yield first.subarray(1e5);
      })(),
    );
    const late = client.send(new UploadPartCommand({ ...target, PartNumber: 1, Body, ContentLength: five }));
    expect(await refusal(late)).toBe("NoSuchUpload 404");
  });
});

describe("uploads under way", () => {
  test("are listed by key, a page at a time", async () => {
    for (const Key of ["mp/b", "mp/a", "mp/ü"]) await begin(Key);
    const page = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "mp/", MaxUploads: 2 }));
    expect(page.IsTruncated).toBe(true);
    expect(page.Uploads?.map(({ Key }) => Key)).toEqual(["mp/a", "mp/b"]);
    const rest = await client.send(
      new ListMultipartUploadsCommand({
        Bucket,
        Prefix: "mp/",
        KeyMarker: page.NextKeyMarker,
        UploadIdMarker: page.NextUploadIdMarker,
      }),
    );
    expect([rest.IsTruncated, rest.Uploads?.map(({ Key }) => Key)]).toEqual([false, ["mp/ü"]]);
  });

  test("survive a restart with their parts", async () => {
    const before = await serve();
    const target = await (async () => {
      const { UploadId = "" } = await before
        .client()
        .send(new CreateMultipartUploadCommand({ Bucket, Key: "long", ContentType: "image/png" }));
      return { Bucket, Key: "long", UploadId };
    })();
    const { ETag } = await before
      .client()
      .send(new UploadPartCommand({ ...target, PartNumber: 1, Body: first }));
    await before.stop();
    const after = await serve({ dataDir: before.dataDir });
    try {
      const again = after.client();
      const { ETag: other } = await again.send(
        new UploadPartCommand({ ...target, PartNumber: 2, Body: last }),
      );
      const Parts = [
        { PartNumber: 1, ETag },
        { PartNumber: 2, ETag: other },
      ];
      await again.send(new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } }));
      const found = await again.send(new GetObjectCommand({ Bucket, Key: "long" }));
      expect([found.ContentType, found.ContentLength]).toEqual(["image/png", five + 1000]);
    } finally {
      await after.end();
    }
  });
});

describe("a checksum type", () => {
  test("that does not go with its algorithm is refused, as is a part without the announced checksum", async () => {
    expect(await refusal(begin("x", { ChecksumAlgorithm: "SHA256", ChecksumType: "FULL_OBJECT" }))).toBe(
      "InvalidRequest 400",
    );
    expect(await refusal(begin("x", { ChecksumAlgorithm: "CRC64NVME", ChecksumType: "COMPOSITE" }))).toBe(
      "InvalidRequest 400",
    );
    const target = await begin("x", { ChecksumAlgorithm: "SHA256" });
    expect(await refusal(part(target, 1, last, { ChecksumAlgorithm: "SHA1" }))).toBe("InvalidRequest 400");
  });
});
