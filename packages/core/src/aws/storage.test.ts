import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

/** Entry of a versioned bucket, newest version of a key first, in the order of S3's listing. */
type Entry = { key: string; id: string; marker?: true };

let bucket: Entry[];
let deleted: string[][];
let pages: number;
let refused: string | undefined;
let Storage: typeof import("./storage.ts").Storage;

/** S3's listing of versions in pages of two, and DeleteObjects with version ids. The embedded S3 keeps no versions. */
const server = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  const { searchParams: query } = new URL(request.url ?? "", "http://s3");
  if (query.has("versions")) {
    pages++;
    const listed = bucket.filter(({ key }) => key.startsWith(query.get("prefix") ?? ""));
    const last = `${query.get("key-marker")} ${query.get("version-id-marker")}`;
    const from = listed.findIndex(({ key, id }) => `${key} ${id}` === last) + 1;
    const page = listed.slice(from, from + 2);
    const end = page.at(-1);
    const more = from + 2 < listed.length;
    response.end(
      `<ListVersionsResult><IsTruncated>${more}</IsTruncated>${more && end ? `<NextKeyMarker>${end.key}</NextKeyMarker><NextVersionIdMarker>${end.id}</NextVersionIdMarker>` : ""}${page
        .map(({ key, id, marker }) => {
          const name = marker ? "DeleteMarker" : "Version";
          const newest = bucket.find((entry) => entry.key === key)?.id === id;
          return `<${name}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${newest}</IsLatest></${name}>`;
        })
        .join("")}</ListVersionsResult>`,
    );
    return;
  }
  const ids = [...body.matchAll(/<VersionId>(.*?)<\/VersionId>/g)].map(([, id = ""]) => id);
  deleted.push(ids);
  bucket = bucket.filter(({ id }) => !ids.includes(id));
  response.end(
    `<DeleteResult>${refused ? `<Error><Key>${refused}</Key><Code>AccessDenied</Code></Error>` : ""}</DeleteResult>`,
  );
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local-secret",
    // `sst` reads these when it is loaded.
    SST_RESOURCE_Uploads: JSON.stringify({ name: "uploads", url: `${url}/uploads` }),
    SST_RESOURCE_Processed: JSON.stringify({ name: "processed" }),
  });
  ({ Storage } = await import("./storage.ts"));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  deleted = [];
  pages = 0;
  refused = undefined;
  bucket = [
    { key: "a.jpg", id: "m1", marker: true },
    { key: "a.jpg", id: "v2" },
    { key: "a.jpg", id: "v1" },
    { key: "a.jpg.bak", id: "other" },
  ];
});

test("versions go before delete markers, from every page of the listing, and of the exact key only", async () => {
  await Storage.removeVersions("uploads", "a.jpg", ({ key }) => key === "a.jpg");
  expect(pages).toBe(2);
  expect(deleted).toEqual([["v2", "v1"], ["m1"]]);
  expect(bucket).toEqual([{ key: "a.jpg.bak", id: "other" }]);
});

test("the current version is distinguished from noncurrent ones, so that a newer upload stays", async () => {
  bucket.unshift({ key: "a.jpg", id: "v3" });
  await Storage.removeVersions("uploads", "a.jpg", ({ key, current }) => key === "a.jpg" && !current);
  expect(bucket.map(({ id }) => id)).toEqual(["v3", "other"]);
});

test("a version that S3 does not delete is an error, and its delete marker stays", async () => {
  refused = "a.jpg";
  await expect(Storage.removeVersions("uploads", "a.jpg", () => true)).rejects.toThrow(
    "1 objects of uploads were not deleted: AccessDenied for a.jpg.",
  );
  expect(deleted).toHaveLength(1);
});
