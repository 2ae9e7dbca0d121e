import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer, startWorld, type World } from "./fixture.ts";

let world: World;
let issuer: Issuer;
let spki: string;
let stranger: KeyObject;

beforeAll(async () => {
  issuer = await startIssuer();
  world = await startWorld(issuer.settings);
  spki = await exportSPKI(issuer.publicKey);
  stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

const encode = (part: unknown) =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);
const header = (more: object = {}) => ({ alg: "RS256", kid: "key-1", ...more });
const claims = (more: object = {}) => ({
  iss: issuer.settings.jwtIssuer,
  aud: "images",
  sub: "alice",
  exp: now() + 600,
  ...more,
});

/** Signed by the issuer's own key, whatever the parts say: a library would refuse to make most of these. */
async function signed(head: unknown, body: unknown): Promise<string> {
  const input = `${encode(head)}.${encode(body)}`;
  const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", issuer.privateKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

/** Signed by somebody else's key. */
function forged(head: unknown, body: unknown, key: KeyObject = stranger): string {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** "Signed" with a secret, as for those who take a public key for one. */
function hmacked(head: unknown, body: unknown, secret: string | Buffer, hash = "sha256"): string {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
}

const strangersJwk = async () => ({ ...(await exportJWK(stranger)), d: undefined, kid: "key-1" });

/** Each with the reason why it must be refused. */
const forgeries: Record<string, () => string | Promise<string>> = {
  "alg none, unsigned": () => `${encode(header({ alg: "none" }))}.${encode(claims())}.`,
  "alg None, unsigned": () => `${encode(header({ alg: "None" }))}.${encode(claims())}.`,
  "alg NONE, unsigned": () => `${encode(header({ alg: "NONE" }))}.${encode(claims())}.`,
  "alg none, signed": () => signed(header({ alg: "none" }), claims()),
  "no alg": () => signed({ kid: "key-1" }, claims()),
  "an alg that is a list": () => signed(header({ alg: ["RS256"] }), claims()),
  "HS256 with the public key as the secret": () => hmacked(header({ alg: "HS256" }), claims(), spki),
  "HS256 with the public key, without its last newline": () =>
    hmacked(header({ alg: "HS256" }), claims(), spki.trim()),
  "HS384 with the public key": () => hmacked(header({ alg: "HS384" }), claims(), spki, "sha384"),
  "HS512 with the public key": () => hmacked(header({ alg: "HS512" }), claims(), spki, "sha512"),
  "HS256 with the key's modulus": async () =>
    hmacked(
      header({ alg: "HS256" }),
      claims(),
      Buffer.from((await exportJWK(issuer.publicKey)).n ?? "", "base64url"),
    ),
  "HS256 with an empty secret": () => hmacked(header({ alg: "HS256" }), claims(), ""),
  "another key under the right kid": () => forged(header(), claims()),
  "another key under its own kid": () => forged(header({ kid: "stranger" }), claims()),
  "another key and no kid": () => forged({ alg: "RS256" }, claims()),
  "a kid that is a path": () => forged(header({ kid: "../../etc/passwd" }), claims()),
  "a kid that is a query": () => forged(header({ kid: "key-1' OR '1'='1" }), claims()),
  "a kid that is no text": () => signed(header({ kid: 1 }), claims()),
  "the key brought along (jwk)": async () => forged(header({ jwk: await strangersJwk() }), claims()),
  "the address of the key brought along (jku)": () =>
    forged(header({ jku: `${issuer.settings.jwtIssuer}/other` }), claims()),
  "the address of a certificate brought along (x5u)": () =>
    forged(header({ x5u: "https://evil.example.com/c.pem" }), claims()),
  "a certificate brought along (x5c)": () => forged(header({ x5c: ["MIIB"] }), claims()),
  "an extension that must be understood (crit)": () =>
    signed(header({ crit: ["admin"], admin: true }), claims()),
  "b64 false": () => signed(header({ crit: ["b64"], b64: false }), claims()),
  "the algorithm of another key type": () => signed(header({ alg: "ES256" }), claims()),
  "an expired one": () => signed(header(), claims({ exp: now() - 31 })),
  "one without an end": () => signed(header(), claims({ exp: undefined })),
  "an end that is text": () => signed(header(), claims({ exp: "9999999999" })),
  "one that is not valid yet": () => signed(header(), claims({ nbf: now() + 300 })),
  "another issuer": () => signed(header(), claims({ iss: "https://evil.example.com" })),
  "the issuer with a slash more": () => signed(header(), claims({ iss: `${issuer.settings.jwtIssuer}/` })),
  "no issuer": () => signed(header(), claims({ iss: undefined })),
  "a list of issuers": () => signed(header(), claims({ iss: [issuer.settings.jwtIssuer] })),
  "another audience": () => signed(header(), claims({ aud: "other" })),
  "an audience that only begins like ours": () => signed(header(), claims({ aud: "images.example.com" })),
  "no audience": () => signed(header(), claims({ aud: undefined })),
  "no subject": () => signed(header(), claims({ sub: undefined })),
  "an empty subject": () => signed(header(), claims({ sub: "" })),
  "a subject that is an object": () => signed(header(), claims({ sub: { id: "alice" } })),
  "a claim twice": () =>
    signed(header(), JSON.stringify(claims()).replace('"sub":"alice"', '"sub":"bob","sub":"alice"')),
  "a claim twice, once written otherwise": () =>
    signed(header(), JSON.stringify(claims()).replace('"sub":"alice"', '"s\\u0075b":"bob","sub":"alice"')),
  "a token of another kind": () => signed(header({ typ: "logout+jwt" }), claims()),
  "an oversized one": () => signed(header(), claims({ padding: "x".repeat(9_000) })),
  "claims that are a list": () => signed(header(), "[]"),
  "claims that are no JSON": () => signed(header(), "{"),
  "a changed subject under a good signature": async () => {
    const [head, , signature] = (await issuer.token("alice")).split(".");
    return [head, encode(claims({ sub: "bob" })), signature].join(".");
  },
  "a good token without its signature": async () =>
    `${(await issuer.token("alice")).split(".").slice(0, 2).join(".")}.`,
  "a good token with a part more": async () => `${await issuer.token("alice")}.e30`,
  "an encrypted one": () => `${encode({ alg: "RSA-OAEP", enc: "A256GCM" })}.a.b.c.d`,
  "three dots": () => "...",
};

test("there are at least 40 forgeries", () => {
  expect(Object.keys(forgeries).length).toBeGreaterThanOrEqual(40);
});

test.each(Object.keys(forgeries))("a forged token is refused: %s", async (name) => {
  const token = await forgeries[name]?.();
  const response = await world.ask("/images", { as: token });
  expect(response.headers.get("www-authenticate")).toBe("Bearer");
  expect(await codeOf(response)).toBe("unauthenticated");
});

test("other forms of `Authorization` are refused, even with a good token", async () => {
  const token = await issuer.token("alice");
  for (const authorization of [
    token,
    `Basic ${token}`,
    `Bearer ${token} ${token}`,
    "Bearer",
    `Bearer ${token},x`,
  ]) {
    const response = await world.ask("/images", { headers: { authorization } });
    expect(await codeOf(response)).toBe("unauthenticated");
  }
  expect(await codeOf(await world.ask(`/images?access_token=${token}`))).toBe("unauthenticated");
});

test("good tokens are taken: access tokens, several audiences, thirty seconds of a wrong clock", async () => {
  const good = [
    await issuer.token("alice"),
    await signed(header({ typ: "at+jwt" }), claims()),
    await signed(header({ typ: "JWT" }), claims({ aud: ["other", "images"] })),
    await signed(header(), claims({ exp: now() - 10 })),
    await signed(header(), claims({ nbf: now() + 10 })),
    await signed(header(), claims({ nested: { sub: "bob" }, list: [{ sub: 1 }] })),
  ];
  for (const token of good) expect((await world.ask("/images", { as: token })).status).toBe(200);
  const lower = await world.ask("/images", { headers: { authorization: `bearer ${good[0]}` } });
  expect(lower.status).toBe(200);
});

test("the issuer is asked for its keys once, however many come", async () => {
  const before = issuer.state.asked;
  const token = await issuer.token("alice");
  await Promise.all(Array.from({ length: 20 }, () => world.ask("/images", { as: token })));
  // Made-up key ids do not make it be asked again and again.
  for (let i = 0; i < 20; i++)
    await world.ask("/images", { as: forged(header({ kid: `made-up-${i}` }), claims()) });
  expect(issuer.state.asked - before).toBeLessThanOrEqual(1);
});

describe("an issuer whose keys", () => {
  /** Keys of an issuer of its own, and a clock that can be put forward. */
  async function fresh() {
    const { publishedKeys } = await import("@image-pipeline/functions/http/published-keys");
    const own = await startIssuer();
    const keys = publishedKeys(new URL(own.settings.jwtJwksUrl));
    const find = async (kid = "key-1") => {
      try {
        await keys({ alg: "RS256", kid }, { payload: "", signature: "" });
        return "found";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    return { own, find };
  }

  /** Runs with the time put forward by `ms`. */
  async function later<T>(ms: number, run: () => Promise<T>): Promise<T> {
    const real = Date.now;
    Date.now = () => real() + ms;
    try {
      return await run();
    } finally {
      Date.now = real;
    }
  }

  test("cannot be had is a 503 that says when to come again, not a 401", async () => {
    const { own, find } = await fresh();
    own.state.down = true;
    expect(await find()).toBe("identity_unavailable");
    own.state.down = false;
    // Nobody waits for it again at once; afterwards it is asked.
    expect(await find()).toBe("identity_unavailable");
    expect(await later(5_001, () => find())).toBe("found");
    await own.stop();
  });

  test("come too slowly holds a request no longer than three seconds", async () => {
    const { own, find } = await fresh();
    own.state.delayMs = 20_000;
    const asked = own.state.asked;
    // The issuer would answer with the key, but only after 20 seconds.
    expect(await find()).toBe("identity_unavailable");
    expect(await find()).toBe("identity_unavailable");
    expect(own.state.asked).toBe(asked + 1);
    await own.stop();
  });

  test("were had once goes on being believed when it is down, and nobody waits for it", async () => {
    const { own, find } = await fresh();
    expect(await find()).toBe("found");
    await own.stop();
    expect(await later(3_600_000, () => find())).toBe("found");
  });

  test("are changed: the new key works within half a minute, the old one until it is withdrawn", async () => {
    const { own, find } = await fresh();
    expect(await find()).toBe("found");
    const { publicKey } = await generateKeyPair("RS256");
    own.published.keys = [{ ...(await exportJWK(publicKey)), kid: "key-2", use: "sig" }];
    expect(await find("key-2")).toBe("ERR_JWKS_NO_MATCHING_KEY");
    expect(await later(30_001, () => find("key-2"))).toBe("found");
    expect(await find("key-1")).toBe("ERR_JWKS_NO_MATCHING_KEY");
    await own.stop();
  });

  test("are nonsense is a 503 too", async () => {
    const { own, find } = await fresh();
    Object.assign(own.published, { keys: "none" });
    expect(await find()).toBe("identity_unavailable");
    await own.stop();
  });
});
