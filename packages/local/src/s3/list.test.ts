import {
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal, type Served, serve } from "./fixture.ts";
import { compareKeys, createKeyIndex } from "./key-index.ts";

let s3: Served;
let client: ReturnType<Served["client"]>;
const Bucket = "uploads";
const keys = [
  "a",
  "a/",
  "a/1",
  "a/2/x",
  "a/2/y",
  "a/3",
  "a//z",
  "b-c",
  "b/",
  "b/1",
  "b c+d",
  "é",
  "\uffee",
  "😀/1",
  "😀/2",
  "z<&>\"'",
];
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const ordered = [...keys].sort(byBytes);

beforeAll(async () => {
  s3 = await serve();
  client = s3.client();
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
});
afterAll(() => s3.end());

/** The listing that S3 returns: keys and common prefixes in one order. */
function expected(prefix: string, delimiter: string, after = ""): string[] {
  const names = new Set<string>();
  for (const key of ordered) {
    if (!key.startsWith(prefix) || byBytes(key, after) <= 0) continue;
    const cut = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    names.add(cut < 0 ? key : key.slice(0, cut + delimiter.length));
  }
  return [...names];
}

const namesOf = ({
  Contents = [],
  CommonPrefixes = [],
}: Pick<ListObjectsV2CommandOutput, "Contents" | "CommonPrefixes">) =>
  [...Contents.map(({ Key = "" }) => Key), ...CommonPrefixes.map(({ Prefix = "" }) => Prefix)].sort(byBytes);

async function all(Prefix: string, Delimiter: string, MaxKeys: number): Promise<string[]> {
  const names: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix,
        Delimiter: Delimiter || undefined,
        MaxKeys,
        ContinuationToken,
      }),
    );
    expect(page.KeyCount).toBe(namesOf(page).length);
    expect(page.KeyCount).toBeLessThanOrEqual(MaxKeys);
    names.push(...namesOf(page));
    ContinuationToken = page.NextContinuationToken;
    expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
  } while (ContinuationToken);
  return names;
}

describe("a listing", () => {
  const prefixes = ["", "a", "a/", "a/2", "b", "😀", "none"];
  const cases = prefixes.flatMap((prefix) =>
    ["", "/", "/x"].flatMap((delimiter) => [1, 2, 5].map((max) => [prefix, delimiter, max] as const)),
  );

  test.each(cases)(
    "under %j with the delimiter %j, %i at a time, is every name once, by its bytes",
    async (prefix, delimiter, max) => {
      expect(await all(prefix, delimiter, max)).toEqual(expected(prefix, delimiter));
    },
  );

  test("by the first version's markers is the same", async () => {
    for (const Delimiter of ["/", undefined]) {
      const names: string[] = [];
      let Marker: string | undefined;
      for (;;) {
        const page = await client.send(new ListObjectsCommand({ Bucket, Delimiter, MaxKeys: 3, Marker }));
        names.push(...namesOf(page));
        if (!page.IsTruncated) break;
        Marker = page.NextMarker ?? page.Contents?.at(-1)?.Key;
      }
      expect(names).toEqual(expected("", Delimiter ?? ""));
    }
  });

  test("begins after `start-after`", async () => {
    const page = await client.send(new ListObjectsV2Command({ Bucket, StartAfter: "a/2/x" }));
    expect(namesOf(page)).toEqual(expected("", "", "a/2/x"));
    expect(page.StartAfter).toBe("a/2/x");
  });

  test("says of each object what reading it would", async () => {
    const { Contents } = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: "b-c", FetchOwner: true }),
    );
    expect(Contents).toMatchObject([
      {
        Key: "b-c",
        Size: 3,
        ETag: '"a21f57d3dc1ae71eae6d64ab47f8b41d"',
        StorageClass: "STANDARD",
        Owner: { ID: "local" },
      },
    ]);
  });

  test("gives names percent-encoded where that is asked for", async () => {
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "b c", EncodingType: "url" }));
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(["b%20c%2Bd"]);
  });

  test("of no keys is empty, and more than 1,000 come a thousand at a time", async () => {
    const none = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect([none.KeyCount, none.IsTruncated]).toEqual([0, false]);
    expect((await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 5000 }))).MaxKeys).toBe(1000);
  });

  test("refuses a token or a number that is none", async () => {
    const list = (more: object) => refusal(client.send(new ListObjectsV2Command({ Bucket, ...more })));
    expect(await list({ ContinuationToken: "not base64url!" })).toBe("InvalidArgument 400");
    expect(await list({ MaxKeys: -1 })).toBe("InvalidArgument 400");
    expect(await list({ MaxKeys: 1.5 })).toBe("InvalidArgument 400");
  });

  test("of versions gives each object once, as its version null, in pages", async () => {
    const listed: (string | undefined)[] = [];
    let KeyMarker: string | undefined;
    do {
      const page = await client.send(
        new ListObjectVersionsCommand({ Bucket, Prefix: "a/", MaxKeys: 2, KeyMarker }),
      );
      for (const { Key, VersionId, IsLatest } of page.Versions ?? []) {
        expect([VersionId, IsLatest]).toEqual(["null", true]);
        listed.push(Key);
      }
      KeyMarker = page.NextKeyMarker;
    } while (KeyMarker);
    expect(listed).toEqual(expected("a/", ""));
  });

  test("goes on where it was after what is named in its token was deleted", async () => {
    for (const Key of ["t/1", "t/2", "t/3"])
      await client.send(new PutObjectCommand({ Bucket: "processed", Key }));
    const first = await client.send(new ListObjectsV2Command({ Bucket: "processed", MaxKeys: 2 }));
    await client.send(new DeleteObjectCommand({ Bucket: "processed", Key: "t/2" }));
    const ContinuationToken = first.NextContinuationToken;
    const rest = await client.send(new ListObjectsV2Command({ Bucket: "processed", ContinuationToken }));
    expect(namesOf(rest)).toEqual(["t/3"]);
  });
});

describe("the index of keys", () => {
  test("orders keys by their UTF-8, which UTF-16 does not", () => {
    expect(["😀", "\uffee"].sort()).toEqual(["😀", "\uffee"]);
    expect(["😀", "\uffee"].sort(compareKeys)).toEqual(["\uffee", "😀"]);
    expect([...keys].sort(compareKeys)).toEqual(ordered);
  });

  test("stays in order over insertions and deletions", () => {
    const seed = Date.now();
    const random = randomOf(seed);
    const index = createKeyIndex([]);
    const present = new Set<string>();
    for (let i = 0; i < 5000; i++) {
      const key = String.fromCodePoint(
        ...Array.from({ length: 1 + random(3) }, () => [47, 97, 98, 0xe9, 0xffee, 0x1f600][random(6)] ?? 97),
      );
      if (random(3) === 0) {
        index.delete(key);
        present.delete(key);
      } else {
        index.set(key, { size: i, etag: "", modified: 0 });
        present.add(key);
      }
    }
    const listed: string[] = [];
    for (let place = 0, key = index.at(0); key !== undefined; key = index.at(++place)) listed.push(key);
    expect(listed, `seed ${seed}`).toEqual([...present].sort(byBytes));
  });
});

/** Numbers below `n`, the same for the same seed. */
function randomOf(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
