/** Private images end to end: who reads their files, and what a change of the visibility does. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient, type Image } from "@image-pipeline/client";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";

let cloud: TestCloud;
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true }, { workers: 1 });
  client = createClient({ baseUrl: cloud.url });
}, 60_000);
afterAll(() => cloud.stop());

let shade = 0;
async function add(described: Parameters<typeof client.upload>[1] = {}): Promise<Image> {
  const background = { r: 40 + shade++ * 5, g: 90, b: 160 };
  const png = await sharp({ create: { width: 640, height: 480, channels: 3, background } })
    .png()
    .toBuffer();
  const file = new File([new Uint8Array(png)], "picture.png", { type: "image/png" });
  return client.images.wait((await client.upload(file, described)).id);
}

const urlsOf = ({ variants = {} }: Image): string[] => Object.values(variants).map(({ url }) => url);
const statusOf = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(url, { headers })).status;
const statusesOf = (urls: readonly string[]) => Promise.all(urls.map((url) => statusOf(url)));
const unsigned = (url = "") => url.split("?")[0] ?? "";

describe("the files of a private image", () => {
  test("are under the owner's prefix, and open by the URLs of every answer alone", async () => {
    const image = await add({ visibility: "private", tags: ["attic"] });
    const urls = urlsOf(image);
    expect(urls).toHaveLength(4);
    for (const url of urls) expect(url).toContain(`/media/private/default/${image.id}/`);
    expect(await statusesOf(urls)).toEqual(urls.map(() => 200));
    expect(await statusesOf(urls.map(unsigned))).toEqual(urls.map(() => 403));
    const refused = await fetch(unsigned(urls[0]));
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(refused.headers.get("cache-control")).toBe("no-store");
    const query = new URL(urls[0] ?? "").search;
    const other = await add({ visibility: "private" });
    expect(await statusOf(unsigned(urlsOf(other)[0]) + query)).toBe(403);

    const { items } = await client.images.page({ tag: ["attic"] });
    const [again] = await client.images.many([image.id]);
    const similar = await client.images.similar(other.id, { distance: 10 });
    expect(items.map(urlsOf)).toEqual([urls]);
    expect(again && urlsOf(again)).toEqual(urls);
    for (const { image: each } of similar.items)
      for (const url of urlsOf(each)) if (each.visibility === "private") expect(url).toContain("Signature=");
    expect(JSON.stringify(await client.images.events(image.id))).not.toContain("/media/");
  });

  test("have an ETag that ends with the window of their URLs", async () => {
    const { id, version, urlsExpireAt = "" } = await add({ visibility: "private" });
    const response = await fetch(`${cloud.url}/images/${id}`);
    const etag = response.headers.get("etag") ?? "";
    expect(etag).toBe(`W/"v${version}.${Date.parse(urlsExpireAt) / 1000}"`);
    const headers = { "if-none-match": etag };
    expect((await fetch(`${cloud.url}/images/${id}`, { headers })).status).toBe(304);
    const old = { "if-none-match": `W/"v${version}"` };
    expect((await fetch(`${cloud.url}/images/${id}`, { headers: old })).status).toBe(200);
    expect((await client.images.update(id, { title: "T" }, { version })).title).toBe("T");
  });

  test("open by the cookies of a media session, and those of another owner do not", async () => {
    const image = await add({ visibility: "private" });
    const response = await fetch(`${cloud.url}/media-session`, { method: "POST" });
    const { path, cookies, expiresAt } = (await response.json()) as {
      path: string;
      cookies: Record<string, string>;
      expiresAt: string;
    };
    expect(path).toBe("/media/private/default/");
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now() + 3_500_000);
    const set = response.headers.getSetCookie();
    expect(set).toHaveLength(4);
    for (const each of set)
      expect(each).toMatch(
        /^CloudFront-[\w-]+=[\w~-]+; Path=\/media\/private\/default\/; Expires=.*; HttpOnly; SameSite=Lax$/,
      );
    const cookie = Object.entries(cookies)
      .map((pair) => pair.join("="))
      .join("; ");
    const [url = ""] = urlsOf(image);
    expect(await statusOf(unsigned(url), { cookie })).toBe(200);
    const other = await fetch(`${cloud.url}/media-session?owner=default2`, { method: "POST" });
    expect(other.status).toBe(403);
  });

  test("are signed with a key in the data folder that only its user reads", () => {
    expect(statSync(join(cloud.folder, "data/media-key")).mode & 0o777).toBe(0o600);
  });
});

describe("a change of the visibility", () => {
  test("to private takes the public URLs out of the answer, and then the files", async () => {
    const before = await add({ visibility: "public" });
    const urls = urlsOf(before);
    expect(await statusesOf(urls)).toEqual(urls.map(() => 200));
    const changed = await client.images.update(before.id, { visibility: "private" });
    expect([changed.visibility, changed.status, changed.variants]).toEqual(["private", "pending", undefined]);
    const after = await client.images.wait(before.id);
    expect(await statusesOf(urls)).toEqual(urls.map(() => 404));
    expect(await statusesOf(urlsOf(after))).toEqual(urls.map(() => 200));
    expect(urlsOf(after).every((url) => url.includes("/media/private/"))).toBe(true);
    expect(after.placeholder).toEqual(before.placeholder);
  });

  test("to public keeps the signed URLs until the public files exist, and for a day", async () => {
    const before = await add({ visibility: "private" });
    const changed = await client.images.update(before.id, { visibility: "public" });
    expect(urlsOf(changed)).toEqual(urlsOf(before));
    const after = await client.images.wait(before.id);
    for (const url of urlsOf(after)) expect(url).toMatch(/\/media\/img_.*\.webp$/);
    expect(await statusesOf([...urlsOf(before), ...urlsOf(after)])).not.toContain(403);
    expect(after.urlsExpireAt).toBeUndefined();
  });

  test("replays no answer from before it", async () => {
    const before = await add();
    const again = () =>
      fetch(`${cloud.url}/images/${before.id}/reprocess`, {
        method: "POST",
        headers: { "idempotency-key": "one" },
      });
    expect(urlsOf((await (await again()).json()) as Image)).toEqual(urlsOf(before));
    await client.images.wait(before.id);
    await client.images.update(before.id, { visibility: "private" });
    await client.images.wait(before.id);
    for (const url of urlsOf((await (await again()).json()) as Image)) expect(url).toContain("Signature=");
  });

  test("ends with a deletion that leaves no file", async () => {
    const image = await add({ visibility: "private" });
    await client.images.remove(image.id);
    await cloud.settled();
    expect(await statusesOf(urlsOf(image))).toEqual(urlsOf(image).map(() => 404));
  });
});

describeWith(["openssl", "aws"], "other programs", () => {
  test("openssl verifies our signature, and the AWS CLI's opens our files", async () => {
    const folder = mkdtempSync(join(tmpdir(), "signed-"));
    const file = (name: string, content: string | Buffer) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    try {
      const [url = ""] = urlsOf(await add({ visibility: "private" }));
      const { searchParams } = new URL(url);
      const bytesOf = (name: string) =>
        Buffer.from(
          (searchParams.get(name) ?? "").replaceAll("-", "+").replaceAll("~", "/").replaceAll("_", "="),
          "base64",
        );
      const key = file("key.pem", readFileSync(join(cloud.folder, "data/media-key")));
      const spki = file("public.pem", execFileSync("openssl", ["pkey", "-in", key, "-pubout"]));
      const signature = file("signature", bytesOf("Signature"));
      const verify = (policy: Buffer) =>
        execFileSync(
          "openssl",
          ["dgst", "-sha256", "-verify", spki, "-signature", signature, file("policy", policy)],
          { encoding: "utf8", stdio: "pipe" },
        );
      expect(verify(bytesOf("Policy"))).toBe("Verified OK\n");
      expect(() => verify(Buffer.concat([bytesOf("Policy"), Buffer.from(" ")]))).toThrow();

      // The CLI reads PKCS #1 alone.
      const rsa = file("rsa.pem", execFileSync("openssl", ["pkey", "-in", key, "-traditional"]));
      const id = searchParams.get("Key-Pair-Id") ?? "";
      // Not synchronous: the server is in this process.
      const sign = async (seconds: number) => {
        const date = new Date(Date.now() + seconds * 1000).toISOString();
        const { stdout } = await promisify(execFile)("aws", [
          ...["cloudfront", "sign", "--url", unsigned(url), "--key-pair-id", id],
          ...["--private-key", `file://${rsa}`, "--date-less-than", date],
        ]);
        return stdout.trim();
      };
      const [valid, expired] = await Promise.all([sign(600), sign(-600)]);
      expect(await statusOf(valid)).toBe(200);
      expect(await statusOf(expired)).toBe(403);
      expect(await statusOf(valid.replace("thumbnail", "small"))).toBe(403);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
