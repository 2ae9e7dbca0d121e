/**
 * Verifies end users' tokens: JWTs of one issuer, for one audience, signed with a key that the issuer publishes
 * (RFC 8725). The key is never taken from the token: `jku`, `x5u` and `jwk` are ignored.
 */
import { VisibleError } from "@image-pipeline/core/error";
import type { Settings } from "@image-pipeline/core/settings";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { publishedKeys } from "./published-keys.ts";

/** The subject of a token and the scopes that its issuer grants. */
export type Claims = { issuer: string; subject: string; scopes: readonly string[] };

/** Returns a token's claims. Throws `unauthenticated`, `identity_unavailable`. */
export type TokenVerifier = (token: string) => Promise<Claims>;

/** Public-key signatures only: with a shared secret, every verifier could also sign. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Creates the verifier of a stage's tokens. It caches the issuer's keys, so it must live as long as the process. */
export function tokenVerifier({
  jwtIssuer: issuer,
  jwtAudience: audience,
  jwtJwksUrl,
}: Pick<Settings.Pipeline, "jwtIssuer" | "jwtAudience" | "jwtJwksUrl">): TokenVerifier {
  const keys = jwtJwksUrl ? publishedKeys(new URL(jwtJwksUrl)) : undefined;
  const options = { issuer, audience, algorithms, requiredClaims: ["sub", "exp"], clockTolerance: 30 };
  return async (token) => {
    if (!keys) throw refusal("This stage accepts no tokens: JWT_JWKS_URL is not set. Send an API key.");
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys, options);
      const { typ = "JWT" } = protectedHeader;
      // A token of another type, such as a logout token, authorizes nothing.
      if (!/^(at\+)?jwt$/i.test(typ.replace(/^application\//i, "")))
        throw refusal("The token's `typ` must be `JWT` or `at+jwt`.");
      return { issuer, subject: subjectOf(payload), scopes: scopesOf(payload) };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw refusal("The token has expired. Get a new one.", error);
      if (error instanceof errors.JOSEError) throw refusal("The token is invalid.", error);
      throw error;
    }
  };
}

function subjectOf({ sub }: JWTPayload): string {
  if (typeof sub === "string" && sub.length > 0 && sub.length <= 1_024) return sub;
  throw refusal("The token's `sub` must be a text of 1 to 1024 characters.");
}

/** Returns OAuth's `scope`, a list separated by spaces; some issuers call it `scp` and make it an array. */
function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const given = scope ?? scp;
  if (typeof given === "string") return given.split(" ");
  return Array.isArray(given) ? given.map(String) : [];
}

const refusal = (message: string, cause?: Error) => new VisibleError("unauthenticated", message, { cause });
