/** An issuer's public keys (JWKS): fetched on demand, and cached while the issuer cannot be reached. */
import { VisibleError } from "@image-pipeline/core/error";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { logger } from "../log.ts";

/** Timeout of a request to the issuer. */
const timeoutMs = 3_000;

/** Age at which cached keys are refreshed. */
const believedMs = 600_000;

/** Minimum time between fetches for unknown key ids, which may be new keys or invented. */
const cooldownMs = 30_000;

/** Time after a failed fetch during which no request tries again. */
const retryMs = 5_000;

/**
 * Finds a token's key by its id. A new key of the issuer is accepted within `cooldownMs`. If the issuer is down, the
 * keys that it published last stay valid. Throws `identity_unavailable` while there are none.
 */
export function publishedKeys(url: URL): JWTVerifyGetKey {
  // This function decides when to fetch; jose fetches and selects the key.
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
  const askInVain = (error: unknown) => logger().warn("the issuer's keys cannot be fetched", { error });
  return async (header, token) => {
    if (!loaded) {
      if (!remote.reloading && Date.now() - askedAt < retryMs) throw unavailable();
      await ask().catch((cause) => {
        throw unavailable(cause);
      });
    } else if (Date.now() - askedAt > believedMs) {
      // Refreshes in the background: the cached keys stay valid until then.
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
  new VisibleError("identity_unavailable", "The issuer's keys cannot be fetched at the moment.", {
    cause,
    retryAfterSeconds: retryMs / 1000,
  });
