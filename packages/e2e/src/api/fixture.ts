import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Settings } from "@image-pipeline/core/settings";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { startTestCloud } from "../cloud.fixture.ts";

/** A running cloud. `ask` sends a request to its API; `settled` waits until nothing is being processed. */
export type World = {
  url: string;
  ask(path: string, init?: Ask): Promise<Response>;
  settled(): Promise<void>;
  stop(): Promise<void>;
};

/** A request: `json` is sent as the body, `as` as the credential. Redirects are not followed. */
export type Ask = {
  method?: string;
  json?: unknown;
  as?: string;
  headers?: Record<string, string>;
  body?: string;
};

/** Starts a cloud with these settings. One for each test file: the handlers read them when they are loaded. */
export async function startWorld(settings: Partial<Settings.Pipeline> = {}): Promise<World> {
  const cloud = await startTestCloud(settings, { workers: 1 });
  return {
    url: cloud.url,
    ask: (path, init) => ask(cloud.url + path, init),
    settled: cloud.settled,
    stop: cloud.stop,
  };
}

function ask(url: string, { method, json, as, headers, body }: Ask = {}): Promise<Response> {
  return fetch(url, {
    method: method ?? (json === undefined ? "GET" : "POST"),
    redirect: "manual",
    body: json === undefined ? body : JSON.stringify(json),
    headers: {
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
      ...headers,
    },
  });
}

/** Somebody who makes tokens and publishes the keys to check them with. */
export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/** Starts an issuer with one RSA key, `key-1`, over HTTP. */
export async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const published: { keys: object[] } = {
    keys: [{ ...(await exportJWK(publicKey)), kid: "key-1", use: "sig" }],
  };
  const state = { asked: 0, delayMs: 0, down: false };
  const server = createServer((_, response) => {
    state.asked++;
    setTimeout(() => {
      response.writeHead(state.down ? 500 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(published));
    }, state.delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = { jwtIssuer: url, jwtAudience: "images", jwtJwksUrl: `${url}/jwks.json` };
  return {
    settings,
    published,
    state,
    publicKey,
    privateKey,
    /** A good token for this subject, with other claims where they are given. */
    token: (sub: string, claims: JWTPayload = {}) =>
      new SignJWT({ iss: url, aud: "images", exp: Math.floor(Date.now() / 1000) + 600, sub, ...claims })
        .setProtectedHeader({ alg: "RS256", kid: "key-1" })
        .sign(privateKey),
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The code of a problem; the status otherwise. */
export async function codeOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "application/problem+json") return String(response.status);
  const { code }: { code: string } = (await response.json()) as { code: string };
  return code;
}
