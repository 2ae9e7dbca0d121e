import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { exportJWK, exportSPKI } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp } from "./app.ts";
import { type Ask, codeOf, requestOf, settings } from "./fixture.ts";
import { type Issuer, startIssuer } from "./fixture-issuer.ts";

let app: ReturnType<typeof createApp>;
let issuer: Issuer;
let spki: string;
let stranger: KeyObject;
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });

beforeAll(async () => {
  issuer = await startIssuer();
  issuer.published.keys.push({ ...weak.publicKey.export({ format: "jwk" }), kid: "weak", use: "sig" });
  app = createApp({ ...settings, ...issuer.settings, anonymous: false });
  spki = await exportSPKI(issuer.publicKey);
  stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
});
afterAll(() => issuer.stop());

/** Requests an image by a malformed id: an authenticated caller gets `image_not_found`, and no table is read. */
const ask = async (init: Ask = {}, query = "") => app.request(`/images/x${query}`, requestOf(init));

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

/** Signs any header and body with the issuer's key. A library would refuse most of them. */
async function signed(head: unknown, body: unknown): Promise<string> {
  const input = `${encode(head)}.${encode(body)}`;
  const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", issuer.privateKey, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

/** Signs any header and body with a key that the issuer does not publish. */
function forged(head: unknown, body: unknown, key: KeyObject = stranger): string {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** Signs with a shared secret, for verifiers that mistake a public key for one. */
function hmacked(head: unknown, body: unknown, secret: string | Buffer, hash = "sha256"): string {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
}

const strangersJwk = async () => ({ ...(await exportJWK(stranger)), d: undefined, kid: "key-1" });

/** Tokens that must be refused, by the reason. */
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
  "a kid that is a number": () => signed(header({ kid: 1 }), claims()),
  "the key in the header (jwk)": async () => forged(header({ jwk: await strangersJwk() }), claims()),
  "the key's URL in the header (jku)": () =>
    forged(header({ jku: `${issuer.settings.jwtIssuer}/other` }), claims()),
  "a certificate's URL in the header (x5u)": () =>
    forged(header({ x5u: "https://evil.example.com/c.pem" }), claims()),
  "a certificate in the header (x5c)": () => forged(header({ x5c: ["MIIB"] }), claims()),
  "an extension that must be understood (crit)": () =>
    signed(header({ crit: ["admin"], admin: true }), claims()),
  "b64 false": () => signed(header({ crit: ["b64"], b64: false }), claims()),
  "the algorithm of another key type": () => signed(header({ alg: "ES256" }), claims()),
  "an expired one": () => signed(header(), claims({ exp: now() - 31 })),
  "one without an expiry": () => signed(header(), claims({ exp: undefined })),
  "an expiry that is text": () => signed(header(), claims({ exp: "9999999999" })),
  "one that is not valid yet": () => signed(header(), claims({ nbf: now() + 300 })),
  "another issuer": () => signed(header(), claims({ iss: "https://evil.example.com" })),
  "the issuer with another slash": () => signed(header(), claims({ iss: `${issuer.settings.jwtIssuer}/` })),
  "no issuer": () => signed(header(), claims({ iss: undefined })),
  "a list of issuers": () => signed(header(), claims({ iss: [issuer.settings.jwtIssuer] })),
  "another audience": () => signed(header(), claims({ aud: "other" })),
  "an audience that only begins like ours": () => signed(header(), claims({ aud: "images.example.com" })),
  "no audience": () => signed(header(), claims({ aud: undefined })),
  "no audience, and another client_id and azp": () =>
    signed(header(), claims({ aud: undefined, client_id: "other", azp: "other" })),
  "no audience, and a client_id that is a list": () =>
    signed(header(), claims({ aud: undefined, client_id: ["images"] })),
  "another audience, though the client_id and azp are ours": () =>
    signed(header(), claims({ aud: "other", client_id: "images", azp: "images" })),
  "an empty list of audiences, though the client_id is ours": () =>
    signed(header(), claims({ aud: [], client_id: "images" })),
  "an audience that is null, though the azp is ours": () =>
    signed(header(), claims({ aud: null, azp: "images" })),
  "an audience that is an object": () => signed(header(), claims({ aud: { images: true } })),
  "no subject": () => signed(header(), claims({ sub: undefined })),
  "an empty subject": () => signed(header(), claims({ sub: "" })),
  "a subject that is an object": () => signed(header(), claims({ sub: { id: "alice" } })),
  "a subject with a lone surrogate": () => signed(header(), claims({ sub: "alice\ud800" })),
  "a subject with another lone surrogate": () => signed(header(), claims({ sub: "alice\udfff" })),
  "a scope that is a number": () => signed(header(), claims({ scope: 1 })),
  "a scope that is an object": () => signed(header(), claims({ scope: { toString: 1 } })),
  "a list of scopes with an object": () => signed(header(), claims({ scp: ["openid", { toString: 1 }] })),
  "a type that is a number": () => signed(header({ typ: 1 }), claims()),
  "a type that is a list": () => signed(header({ typ: ["JWT"] }), claims()),
  "a type that is null": () => signed(header({ typ: null }), claims()),
  "a start that is text": () => signed(header(), claims({ nbf: "0" })),
  "an RSA key of 1,024 bits that the issuer publishes": () =>
    forged(header({ kid: "weak" }), claims(), weak.privateKey),
  "a token of another type": () => signed(header({ typ: "logout+jwt" }), claims()),
  "an oversized one": () => signed(header(), claims({ padding: "x".repeat(9_000) })),
  "claims that are a list": () => signed(header(), "[]"),
  "claims that are not JSON": () => signed(header(), "{"),
  "a changed subject under a valid signature": async () => {
    const [head, , signature] = (await issuer.token("alice")).split(".");
    return [head, encode(claims({ sub: "bob" })), signature].join(".");
  },
  "a valid token without its signature": async () =>
    `${(await issuer.token("alice")).split(".").slice(0, 2).join(".")}.`,
  "a valid token with another part": async () => `${await issuer.token("alice")}.e30`,
  "an encrypted one": () => `${encode({ alg: "RSA-OAEP", enc: "A256GCM" })}.a.b.c.d`,
  "three dots": () => "...",
};

test("there are at least 40 forgeries", () => {
  expect(Object.keys(forgeries).length).toBeGreaterThanOrEqual(40);
});

test.each(Object.keys(forgeries))("a forged token is refused: %s", async (name) => {
  const response = await ask({ as: await forgeries[name]?.() });
  expect(response.headers.get("www-authenticate")).toBe("Bearer");
  const { detail } = (await response.clone().json()) as { detail: string };
  expect(detail).toMatch(/^(The token|The API key|`Authorization`).{15,}\.$/);
  expect(await codeOf(response)).toBe("unauthenticated");
});

test("other forms of `Authorization` are refused, even with a valid token", async () => {
  const token = await issuer.token("alice");
  for (const authorization of [
    token,
    `Basic ${token}`,
    `Bearer ${token} ${token}`,
    "Bearer",
    `Bearer ${token},x`,
  ]) {
    expect(await codeOf(await ask({ headers: { authorization } }))).toBe("unauthenticated");
  }
  expect(await codeOf(await ask({}, `?access_token=${token}`))).toBe("unauthenticated");
});

test("valid tokens are accepted: access tokens, several audiences, clocks that differ by 30 seconds", async () => {
  const valid = [
    await issuer.token("alice"),
    await signed(header({ typ: "at+jwt" }), claims()),
    await signed(header({ typ: "JWT" }), claims({ aud: ["other", "images"] })),
    await signed(header(), claims({ exp: now() - 10 })),
    await signed(header(), claims({ nbf: now() + 10 })),
    await signed(header(), claims({ scope: ["openid"] })),
    await signed(header(), claims({ nested: { sub: "bob" }, list: [{ sub: 1 }] })),
  ];
  for (const token of valid) expect(await codeOf(await ask({ as: token }))).toBe("image_not_found");
  const lower = await ask({ headers: { authorization: `bearer ${valid[0]}` } });
  expect(await codeOf(lower)).toBe("image_not_found");
});

/** Claims in the shape of each provider's tokens, with our audience where the provider writes it. */
const providers: Record<string, { head?: object; more: object }> = {
  "Auth0, access token": {
    head: { typ: "JWT" },
    more: { aud: ["images", "https://tenant.eu.auth0.com/userinfo"], azp: "cid", permissions: [] },
  },
  "Auth0, RFC 9068 profile": { head: { typ: "at+jwt" }, more: { client_id: "cid", jti: "x" } },
  "Cognito, id token": { more: { token_use: "id", "cognito:username": "a" } },
  "Cognito, access token": {
    more: {
      aud: undefined,
      client_id: "images",
      token_use: "access",
      scope: "aws.cognito.signin.user.admin",
    },
  },
  "Clerk, session token": {
    head: { typ: "JWT", cat: "cl_B7d4PD111AAA" },
    more: { aud: undefined, azp: "images", sid: "sess_1", fva: [1, -1], sts: "active", v: 2 },
  },
  "WorkOS, access token": { more: { aud: undefined, client_id: "images", sid: "session_01" } },
  "Firebase, id token": { head: { typ: "JWT" }, more: { user_id: "u", firebase: { identities: {} } } },
  "Supabase, access token": {
    head: { typ: "JWT" },
    more: { role: "authenticated", amr: [{ method: "otp" }] },
  },
  "Entra, access token": { head: { typ: "JWT" }, more: { azp: "x", scp: "access_as_user", ver: "2.0" } },
  "Entra, with 190 groups": {
    head: { typ: "JWT" },
    more: { groups: Array.from({ length: 190 }, () => "74658136-14ec-4630-ad9b-26e160ff0fc6") },
  },
  "Okta, access token": { more: { ver: 1, cid: "c", uid: "u", scp: ["openid"] } },
  "Keycloak, access token": {
    head: { typ: "JWT" },
    more: { aud: ["account", "images"], typ: "Bearer", azp: "app", realm_access: { roles: ["a"] } },
  },
};

test.each(Object.keys(providers))("accepts a token of %s", async (name) => {
  const { head, more } = providers[name] ?? {};
  const token = await signed(header(head), claims(more));
  expect(await codeOf(await ask({ as: token }))).toBe("image_not_found");
});

test("a stage without an issuer accepts no token", async () => {
  const without = createApp({ ...settings, anonymous: false });
  const response = await without.request("/images/x", requestOf({ as: await issuer.token("alice") }));
  expect(await codeOf(response)).toBe("unauthenticated");
});

test("the keys are requested once for any number of tokens, made-up key ids included", async () => {
  app = createApp({ ...settings, ...issuer.settings, anonymous: false });
  const before = issuer.state.requests;
  const token = await issuer.token("alice");
  await Promise.all(Array.from({ length: 20 }, () => ask({ as: token })));
  for (let i = 0; i < 20; i++) await ask({ as: forged(header({ kid: `made-up-${i}` }), claims()) });
  expect(issuer.state.requests - before).toBe(1);
});
