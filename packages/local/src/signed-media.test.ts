/** Signed URLs and cookies against the verifier of the front door: ours, those of another program, and forged ones. */
import { createPublicKey, sign } from "node:crypto";
import { Signer } from "@image-pipeline/core/aws/signer";
import { createMediaKey } from "@image-pipeline/core/fixture-media-key";
import { randomFrom } from "@image-pipeline/core/fixture-random";
import { Resource } from "sst";
import { describe, expect, test } from "vitest";
import { refusalOf } from "./signed-media.ts";

const { id, privateKey } = Resource.MediaKey;
const keys = new Map([[id, createPublicKey(privateKey)]]);
const now = Date.parse("2026-11-26T08:10:00Z");
const folder = "private/owner1/img_01KAR5ZJ5V0000000000000000/";
const base = `${Resource.Router.url}/media/${folder}1-0a1b2c3d/medium.webp`;
const signed = Signer.sign(folder, now);
const cookieOf = (cookies: Readonly<Record<string, string>>) =>
  Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join("; ");

describe("signatures of the API", () => {
  test("admit every file of the image, under every format of its name", () => {
    for (const name of ["medium.webp", "medium.avif.webp.jpg", "small@320.avif"])
      expect(
        refusalOf({ url: `${base.replace("medium.webp", name)}?${signed.query}`, now }, keys),
      ).toBeUndefined();
  });

  test("admit the files as cookies, and with other parameters in the URL", () => {
    expect(
      refusalOf({ url: `${base}?x=1`, cookie: `a=b; ${cookieOf(signed.cookies)}`, now }, keys),
    ).toBeUndefined();
    expect(refusalOf({ url: `${base}?x=1&${signed.query}`, now }, keys)).toBeUndefined();
    expect(refusalOf({ url: `${base}?${signed.query.replaceAll("~", "%7E")}`, now }, keys)).toBeUndefined();
  });

  test("are equal within a window, and valid for at least half of the life", () => {
    const half = Resource.Settings.privateUrlSeconds / 2;
    const start = Math.ceil(now / 1000 / half) * half;
    const lives = [0, 1, half - 1].map((after) => Signer.sign(folder, (start + after) * 1000));
    expect(new Set(lives.map(({ query }) => query)).size).toBe(1);
    expect(Signer.sign(folder, (start + half) * 1000).query).not.toBe(lives[0]?.query);
    for (const at of [start, start + 1, start + half - 1]) {
      const left = Signer.expiryOf(at * 1000, 2 * half) - at;
      expect(left).toBeGreaterThan(half);
      expect(left).toBeLessThanOrEqual(2 * half);
    }
  });

  test("end at the second that the policy names", () => {
    const url = `${base}?${signed.query}`;
    expect(refusalOf({ url, now: signed.expiresAt * 1000 - 1 }, keys)).toBeUndefined();
    expect(refusalOf({ url, now: signed.expiresAt * 1000 }, keys)).toMatch(/expired/);
  });
});

/** A policy as CloudFront's documentation shows it, and its signature by Node alone. */
function signedBy(
  key: string,
  policy: unknown,
  { keyID = id, hash = "SHA256" }: { keyID?: string; hash?: string } = {},
): string {
  const text = typeof policy === "string" ? policy : JSON.stringify(policy);
  const signature = sign(hash.toLowerCase(), Buffer.from(text), key);
  return `Policy=${safe(Buffer.from(text))}&Signature=${safe(signature)}&Key-Pair-Id=${keyID}${hash === "SHA1" ? "" : `&Hash-Algorithm=${hash}`}`;
}

const safe = (bytes: Buffer) =>
  bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "~").replaceAll("=", "_");

const policyOf = (Resource: string, seconds: number, more: object = {}) => ({
  Statement: [{ Resource, Condition: { DateLessThan: { "AWS:EpochTime": seconds }, ...more } }],
});
const later = now / 1000 + 3_600;

describe("signatures of others", () => {
  test("admit what their policy says: canned, custom, SHA-1, wildcards, a start", () => {
    const canned = `{"Statement":[{"Resource":"${base}?x=1","Condition":{"DateLessThan":{"AWS:EpochTime":${later}}}}]}`;
    const signature = safe(sign("sha1", Buffer.from(canned), privateKey));
    const urls = [
      `${base}?x=1&Expires=${later}&Signature=${signature}&Key-Pair-Id=${id}`,
      `${base}?${signedBy(privateKey, policyOf(base, later), { hash: "SHA1" })}`,
      `${base}?${signedBy(privateKey, policyOf("http*://*/media/private/owner?/*.webp", later))}`,
      `${base}?${signedBy(privateKey, policyOf(base, later, { DateGreaterThan: { "AWS:EpochTime": now / 1000 - 1 } }))}`,
    ];
    for (const url of urls) expect(refusalOf({ url, now }, keys)).toBeUndefined();
  });

  const other = createMediaKey("KOTHER").privateKey;
  const statement = policyOf(base, later).Statement[0];
  test.each([
    ["no signature at all", "", /Missing Key-Pair-Id/],
    ["another key under the known id", signedBy(other, policyOf(base, later)), /does not match/],
    ["a key that was revoked", signedBy(other, policyOf(base, later), { keyID: "KOTHER" }), /revoked/],
    ["an expired policy", signedBy(privateKey, policyOf(base, now / 1000)), /expired/],
    [
      "a policy that begins later",
      signedBy(privateKey, policyOf(base, later, { DateGreaterThan: { "AWS:EpochTime": now / 1000 } })),
      /not valid yet/,
    ],
    [
      "the policy of another owner",
      signedBy(privateKey, policyOf(base.replace("owner1", "owner2"), later)),
      /another/,
    ],
    [
      "the policy of another image",
      signedBy(privateKey, policyOf(base.replace("5V0", "5V1"), later)),
      /another/,
    ],
    [
      "the policy of another host",
      signedBy(privateKey, policyOf(base.replace("127", "128"), later)),
      /another/,
    ],
    ["a prefix without a wildcard", signedBy(privateKey, policyOf(base.slice(0, -1), later)), /another/],
    ["a policy without a time", signedBy(privateKey, { Statement: [{ Resource: base }] }), /malformed/],
    ["two statements", signedBy(privateKey, { Statement: [statement, statement] }), /malformed/],
    [
      "a condition on the address",
      signedBy(privateKey, policyOf(base, later, { IpAddress: {} })),
      /malformed/,
    ],
    [
      "a time that is a text",
      signedBy(privateKey, policyOf(base, `${later}` as unknown as number)),
      /malformed/,
    ],
    ["no JSON", signedBy(privateKey, "{"), /malformed/],
    [
      "another hash than the signature's",
      signedBy(privateKey, policyOf(base, later)).replace("SHA256", "SHA1"),
      /not match/,
    ],
    [
      "an unknown hash",
      signedBy(privateKey, policyOf(base, later)).replace("SHA256", "MD5"),
      /Hash-Algorithm/,
    ],
    ["both kinds of policy", `${signedBy(privateKey, policyOf(base, later))}&Expires=${later}`, /malformed/],
    ["a parameter twice", `${signed.query}&Key-Pair-Id=${id}`, /twice/],
    ["an expiry that is no number", `Expires=1e12&Signature=AAAA&Key-Pair-Id=${id}`, /malformed/],
  ])("are refused for %s", (_, query, why) => {
    expect(refusalOf({ url: `${base}?${query}`, now }, keys)).toMatch(why);
  });

  test("are refused as cookies where the URL has a parameter of a signed URL", () => {
    const cookie = cookieOf(signed.cookies);
    expect(refusalOf({ url: `${base}?Expires=${later}`, cookie, now }, keys)).toMatch(/Missing/);
  });

  test("of a folder do not reach another one by the query string or by dots", () => {
    const own = Signer.sign("private/owner2/", now).query;
    for (const url of [`${base}?q=/media/private/owner2/&${own}`, `${base}&${own}`])
      expect(refusalOf({ url, now }, keys)).toBeDefined();
  });
});

/** Bytes of a signed URL, changed, cut, exchanged with another's or signed by other keys; from a seed. */
test("10,000 forged, expired, foreign and rotated signatures are refused, and 1,000 true ones accepted", () => {
  const seed = 20_261_126;
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const keyring = Array.from({ length: 3 }, (_, i) => createMediaKey(`K${i}`));
  const [revoked, previous, current] = keyring;
  if (!revoked || !previous || !current) throw new Error("There are three keys.");
  const trusted = new Map([previous, current].map((key) => [key.id, createPublicKey(key.publicKey)]));
  const url = (owner: number, image: number) =>
    `http://h/media/private/o${owner}/img_${image}/1-a/medium.webp`;
  const pool = Array.from({ length: 50 }, (_, i) => {
    const [owner, image] = [i % 7, i];
    const expires = Math.floor(now / 1000) + 1 + below(7_200);
    const policy = policyOf(
      `http://h/media/private/o${owner}/${i % 5 === 0 ? "" : `img_${image}/`}*`,
      expires,
    );
    const queryBy = (key: typeof revoked) => signedBy(key.privateKey, policy, { keyID: key.id });
    return { owner, image, expires, query: queryBy(i % 2 ? current : previous), old: queryBy(revoked) };
  });
  const kinds: Record<
    string,
    (each: (typeof pool)[number]) => { query: string; owner?: number; at?: number }
  > = {
    flipped: ({ query }) => {
      const at = below(query.length);
      const now = query[at];
      const next = "ABab01-~_=&%"[below(12)] ?? "A";
      return { query: query.slice(0, at) + (next === now ? "!" : next) + query.slice(at + 1) };
    },
    cut: ({ query }) => ({ query: query.slice(0, below(query.length)) }),
    expired: ({ query, expires }) => ({ query, at: expires * 1000 + below(1e9) }),
    foreign: ({ query, owner }) => ({ query, owner: owner + 1 + below(50) }),
    rotated: ({ old }) => ({ query: old }),
    renamed: ({ old }) => ({ query: old.replace("=K0", `=K${1 + below(2)}`) }),
    exchanged: ({ query }) => {
      const others = pool.filter((other) => other.query !== query);
      const other = others[below(others.length)]?.query ?? "";
      const signature = /Signature=[^&]+/;
      return { query: query.replace(signature, signature.exec(other)?.[0] ?? "") };
    },
    reordered: ({ query }) => ({
      query: query.split("&").reverse().join("&").replace("Policy=", "Policy=A"),
    }),
  };
  const names = Object.keys(kinds);
  const admitted: string[] = [];
  for (let n = 0; n < 10_000; n++) {
    const each = pool[below(pool.length)];
    const kind = names[n % names.length] ?? "";
    if (!each) throw new Error("The pool is empty.");
    const { query, owner = each.owner, at = now } = kinds[kind]?.(each) ?? { query: "" };
    if (!refusalOf({ url: `${url(owner, each.image)}?${query}`, now: at }, trusted))
      admitted.push(`${seed} ${n} ${kind} ${query}`);
  }
  expect(admitted).toEqual([]);
  for (let n = 0; n < 1_000; n++) {
    const { owner, image, query } = pool[n % pool.length] ?? { owner: 0, image: 0, query: "" };
    expect(refusalOf({ url: `${url(owner, image)}?${query}`, now }, trusted)).toBeUndefined();
  }
});
