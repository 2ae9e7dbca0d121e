/**
 * End users' tokens: JWTs of one issuer, for one audience, signed with keys that the issuer publishes (RFC 8725).
 * Nothing in a token says where its keys are: `jku`, `x5u` and `jwk` are never looked at.
 */
import { VisibleError } from "@image-pipeline/core/error";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { Resource } from "sst";
import { publishedKeys } from "./published-keys.ts";

/** Who a token speaks of, and what its issuer lets them do. */
export type Claims = { issuer: string; subject: string; scopes: readonly string[] };

/** Public-key signatures alone: with a shared secret, whoever can check a token can make one. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

const { jwtIssuer: issuer, jwtAudience: audience, jwtJwksUrl } = Resource.Settings;

/** One for the life of the process: made anew for each request it would fetch the keys for each request. */
const keys = jwtJwksUrl ? publishedKeys(new URL(jwtJwksUrl)) : undefined;

/** What a token says, if it is genuine and for us. Throws `unauthenticated`, `identity_unavailable`. */
export async function verifyToken(token: string): Promise<Claims> {
  if (!keys) throw refusal("This API takes no tokens.");
  try {
    const options = { issuer, audience, algorithms, requiredClaims: ["sub", "exp"], clockTolerance: 30 };
    const { payload, protectedHeader } = await jwtVerify(token, keys, options);
    const { typ = "JWT" } = protectedHeader;
    const [, body = ""] = token.split(".");
    // A token of another kind, such as a logout token, is no leave to act.
    if (!/^(at\+)?jwt$/i.test(typ.replace(/^application\//i, "")))
      throw refusal("The token is of another kind.");
    if (repeatsName(Buffer.from(body, "base64url").toString()))
      throw refusal("The token names a claim twice.");
    return { issuer, subject: subjectOf(payload), scopes: scopesOf(payload) };
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw refusal("The token has expired.", error);
    if (error instanceof errors.JOSEError) throw refusal("The token is not valid.", error);
    throw error;
  }
}

function subjectOf({ sub }: JWTPayload): string {
  if (typeof sub === "string" && sub.length > 0 && sub.length <= 1_024) return sub;
  throw refusal("The token does not say whom it is about.");
}

/** OAuth's `scope`, a list separated by spaces; some issuers call it `scp` and make it an array. */
function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const given = scope ?? scp;
  if (typeof given === "string") return given.split(" ");
  return Array.isArray(given) ? given.map(String) : [];
}

/** Whether an object's JSON has a name twice at its top: parsers differ on which one counts (RFC 7519 section 4). */
function repeatsName(json: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  let before = "";
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (part === "{" || part === "[") depth++;
    else if (part === "}" || part === "]") depth--;
    else if (part === ":" && depth === 1) {
      const name: string = JSON.parse(before);
      if (names.has(name)) return true;
      names.add(name);
    }
    before = part;
  }
  return false;
}

const refusal = (message: string, cause?: Error) => new VisibleError("unauthenticated", message, { cause });
