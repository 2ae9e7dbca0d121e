/** An issuer's public keys (JWKS): fetched when they are needed, kept while the issuer cannot be reached. */
import { VisibleError } from "@image-pipeline/core/error";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { log } from "../log.ts";

/** How long a request waits for the issuer. */
const timeoutMs = 3_000;

/** How long keys are believed without another look. */
const believedMs = 600_000;

/** An unknown key id may be a new key, or made up: the issuer is asked at most once in this time. */
const cooldownMs = 30_000;

/** How long nobody waits for an issuer that has just failed to answer. */
const retryMs = 5_000;

/**
 * Finds the key that a token names. A new key of the issuer's works within `cooldownMs`; when the issuer is down, the
 * keys that it published last go on working. Throws `identity_unavailable` while there are none at all.
 */
export function publishedKeys(url: URL): JWTVerifyGetKey {
  // When to fetch is decided here; how, and which key fits, by jose.
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: Number.POSITIVE_INFINITY,
  });
  let loaded = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = async () => {
    askedAt = Date.now();
    await remote.reload();
    loaded = true;
  };
  const askInVain = (error: unknown) => log.warn("the issuer's keys cannot be fetched", { error });
  return async (header, token) => {
    if (!loaded) {
      if (!remote.reloading && Date.now() - askedAt < retryMs) throw unavailable();
      await ask().catch((cause) => {
        throw unavailable(cause);
      });
    } else if (Date.now() - askedAt > believedMs) {
      // Nobody waits: the keys at hand are good until others have come.
      ask().catch(askInVain);
    }
    try {
      return await remote(header, token);
    } catch (error) {
      const unknown = error instanceof errors.JWKSNoMatchingKey;
      if (!unknown || Date.now() - askedAt < cooldownMs) throw error;
      await ask().catch(askInVain);
      return remote(header, token);
    }
  };
}

const unavailable = (cause?: unknown) =>
  new VisibleError("identity_unavailable", "The issuer's keys cannot be had at the moment.", {
    cause,
    retryAfterSeconds: retryMs / 1000,
  });
