import { exportJWK, generateKeyPair } from "jose";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Issuer, startIssuer } from "./fixture-issuer.ts";
import { publishedKeys } from "./published-keys.ts";

let issuer: Issuer;
let keys: ReturnType<typeof publishedKeys>;
/** The timeouts of the requests to the issuer: each expires when the test aborts it. */
let timeouts: { ms: number; expire: () => void }[];

beforeEach(async () => {
  issuer = await startIssuer();
  keys = publishedKeys(new URL(issuer.settings.jwtJwksUrl));
  timeouts = [];
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const controller = new AbortController();
    timeouts.push({ ms, expire: () => controller.abort(new DOMException("Timeout", "TimeoutError")) });
    return controller.signal;
  });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await issuer.stop();
});

async function find(kid = "key-1"): Promise<string> {
  try {
    await keys({ alg: "RS256", kid }, { payload: "", signature: "" });
    return "found";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

test("an issuer that is down is a 503 with Retry-After, and is requested again after five seconds", async () => {
  issuer.state.down = true;
  const header = { alg: "RS256", kid: "key-1" };
  const expected = { code: "identity_unavailable", retryAfterSeconds: 5 };
  await expect(keys(header, { payload: "", signature: "" })).rejects.toMatchObject(expected);
  issuer.state.down = false;
  expect(await find()).toBe("identity_unavailable");
  later(4_999);
  expect(await find()).toBe("identity_unavailable");
  expect(issuer.state.requests).toBe(1);
  later(2);
  expect(await find()).toBe("found");
});

test("an issuer that does not respond holds a request for three seconds, and the next not at all", async () => {
  issuer.state.hangs = true;
  const first = find();
  await expect.poll(() => issuer.state.requests).toBe(1);
  expect(timeouts.map(({ ms }) => ms)).toEqual([3_000]);
  timeouts[0]?.expire();
  expect(await first).toBe("identity_unavailable");
  expect(await find()).toBe("identity_unavailable");
  expect(issuer.state.requests).toBe(1);
});

test("keys that were fetched once stay valid while the issuer is down, and no request waits for it", async () => {
  expect(await find()).toBe("found");
  issuer.state.hangs = true;
  later(3_600_000);
  // Never responded to and never timed out: a caller that waited for this request would hang.
  expect(await find()).toBe("found");
  await expect.poll(() => issuer.state.requests).toBe(2);
});

test("a new key works within half a minute, and a withdrawn one stops", async () => {
  expect(await find()).toBe("found");
  const { publicKey } = await generateKeyPair("RS256");
  issuer.published.keys = [{ ...(await exportJWK(publicKey)), kid: "key-2", use: "sig" }];
  later(29_999);
  expect(await find("key-2")).toBe("ERR_JWKS_NO_MATCHING_KEY");
  later(2);
  expect(await find("key-2")).toBe("found");
  expect(await find("key-1")).toBe("ERR_JWKS_NO_MATCHING_KEY");
});

test("a key set that is not one is a 503", async () => {
  Object.assign(issuer.published, { keys: "none" });
  expect(await find()).toBe("identity_unavailable");
});
