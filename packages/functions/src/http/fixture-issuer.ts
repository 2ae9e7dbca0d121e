/** An identity provider for tests. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** An issuer that signs tokens and publishes its keys. */
export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

/**
 * Starts an issuer with one RSA key, `key-1`. `published` is its key set and `state.down` makes it respond with 500;
 * `state.hangs` makes it accept requests and never respond. `state.requests` counts them.
 */
export async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const published: { keys: object[] } = {
    keys: [{ ...(await exportJWK(publicKey)), kid: "key-1", use: "sig" }],
  };
  const state = { requests: 0, down: false, hangs: false };
  const server = createServer((_, response) => {
    state.requests++;
    if (state.hangs) return;
    response.writeHead(state.down ? 500 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(published));
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
    /** Signs a valid token for this subject; `claims` replace or add claims. */
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
