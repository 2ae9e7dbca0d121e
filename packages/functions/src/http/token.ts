/**
 * Verifies end users' tokens: JWTs of one issuer, for one audience, signed with a key that the issuer publishes
 * (RFC 8725). The key is never taken from the token: `jku`, `x5u` and `jwk` are ignored.
 */
import { VisibleError } from "@image-pipeline/core/error";
import type { Settings } from "@image-pipeline/core/settings";
import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from "jose";
import { logger } from "../log.ts";
import { publishedKeys } from "./published-keys.ts";

/** The subject of a token and the scopes that its issuer grants. */
export type Claims = { issuer: string; subject: string; scopes: readonly string[] };

/** Returns a token's claims. Throws `unauthenticated`, `identity_unavailable`. */
export type TokenVerifier = (token: string) => Promise<Claims>;

/** Public-key signatures only: with a shared secret, every verifier could also sign. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** Length of a subject in UTF-16 code units. */
const subjectMax = 1_024;

/** Creates the verifier of a stage's tokens. It caches the issuer's keys, so it must live as long as the process. */
export function tokenVerifier({
  jwtIssuer: issuer,
  jwtAudience: audience,
  jwtJwksUrl,
}: Pick<Settings.Pipeline, "jwtIssuer" | "jwtAudience" | "jwtJwksUrl">): TokenVerifier {
  const keys = jwtJwksUrl ? publishedKeys(new URL(jwtJwksUrl)) : undefined;
  const options = { issuer, algorithms, requiredClaims: ["sub", "exp"], clockTolerance: 30 };
  return async (token) => {
    if (!keys) throw refusal("This stage accepts no tokens: JWT_JWKS_URL is not set. Send an API key.");
    const { payload, protectedHeader } = await jwtVerify(token, keys, options).catch((error) => {
      throw refused(error);
    });
    mustBeAccessToken(protectedHeader);
    mustBeFor(payload, audience);
    return { issuer, subject: subjectOf(payload), scopes: scopesOf(payload) };
  };
}

/** Returns what the caller sees of an error of `jwtVerify`: every token that cannot be verified is refused. */
function refused(error: unknown): VisibleError {
  if (error instanceof VisibleError) return error;
  if (error instanceof errors.JWTExpired)
    return refusal("The token has expired. Get a new one from the issuer.", error);
  // jose's messages name claims, and contain neither values nor keys.
  if (error instanceof errors.JOSEError) return refusal(`The token is invalid: ${error.message}.`, error);
  // jose throws a TypeError for a key that the algorithm does not allow, such as an RSA key of 1,024 bits.
  logger().warn("a token could not be verified", { error });
  return refusal(
    "The token cannot be verified with the issuer's key, which must be RSA of at least 2,048 bits, EC or Ed25519.",
    error,
  );
}

/** Refuses a token of another type, such as a logout token: it authorizes nothing. */
function mustBeAccessToken({ typ = "JWT" }: JWTHeaderParameters): void {
  if (typeof typ === "string" && /^(application\/)?(at\+)?jwt$/i.test(typ)) return;
  throw refusal(`The token's \`typ\` is ${JSON.stringify(typ)}; it must be \`JWT\` or \`at+jwt\`.`);
}

/**
 * Refuses a token for another audience. `aud` alone counts where the token has it. Cognito and WorkOS name the client
 * as `client_id` in access tokens without `aud`, Clerk the origin of the app as `azp`.
 */
function mustBeFor({ aud, client_id, azp }: JWTPayload, audience: string): void {
  const audiences: unknown[] = aud === undefined ? [client_id, azp] : [aud].flat();
  if (audiences.includes(audience)) return;
  throw refusal(
    "The token is for another audience: its `aud`, or without one its `client_id` or `azp`, must be JWT_AUDIENCE.",
  );
}

function subjectOf({ sub }: JWTPayload): string {
  // The owner is a hash of the UTF-8 text, in which all lone surrogates are the same character.
  if (typeof sub === "string" && sub.length > 0 && sub.length <= subjectMax && sub.isWellFormed()) return sub;
  throw refusal(
    `The token's \`sub\` must be a text of 1 to ${subjectMax} characters of well-formed Unicode.`,
  );
}

/**
 * Returns OAuth's `scope`, a list separated by spaces; some issuers call it `scp` and make it an array. A list that
 * cannot be read is refused, because a token without scopes has an owner's.
 */
function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const given = scope ?? scp ?? [];
  if (typeof given === "string") return given.split(" ");
  if (Array.isArray(given) && given.every((each) => typeof each === "string")) return given;
  throw refusal("The token's `scope` or `scp` must be a text or a list of texts.");
}

const refusal = (message: string, cause?: unknown) => new VisibleError("unauthenticated", message, { cause });
