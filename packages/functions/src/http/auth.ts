/** Authentication and authorization: who the caller is and for which owner it may act. */
import { ApiKey } from "@image-pipeline/core/api-key";
import { VisibleError } from "@image-pipeline/core/error";
import { ID } from "@image-pipeline/core/id";
import type { Scope } from "@image-pipeline/core/scope";
import type { Settings } from "@image-pipeline/core/settings";
import type { Documents } from "./documents.ts";
import type { TokenVerifier } from "./token.ts";

/**
 * The caller of a request. `owner` is the owner whose images the caller may see; a caller without one may see every
 * owner's. `by` is the caller's name in the audit trail.
 */
export type Caller = {
  kind: "anonymous" | "user" | "key";
  by: string;
  scopes: readonly Scope[];
  owner?: string;
};

/**
 * The API's settings. `url` is the stage's origin; `stage` is `local` in embedded mode. `corsOrigins` may be a function
 * that returns true for the origins of web apps. `documents` makes the documentation where no file next to the bundle holds
 * it.
 */
export type AppSettings = Omit<Settings.Pipeline, "corsOrigins"> & {
  url: string;
  stage: string;
  corsOrigins: readonly string[] | ((origin: string) => boolean);
  documents?: () => Documents;
};

/** The variables of every request. */
export type Env = { Variables: { requestId: string; settings: AppSettings; verifyToken: TokenVerifier } };

/** The variables of a request behind `route`. */
export type Guarded = { Variables: Env["Variables"] & { caller: Caller } };

/** The scopes of an owner on its own images. */
const own = ["images:read", "images:write"] as const;

/** In embedded mode the one user is also the operator. */
const embedded = [...own, "service"] as const;

/**
 * A longer credential is not parsed. Entra writes up to 200 groups into a token, about 11,000 characters; CloudFront
 * accepts headers of 20,480 bytes, Node of 16,384.
 */
const credentialMax = 12_288;

/**
 * Authenticates a caller by the `Authorization` header, which holds an API key or a token. Without the header the
 * caller is anonymous, where the settings allow that. Throws `unauthenticated`, `identity_unavailable`.
 */
export async function identify(
  authorization: string | undefined,
  { settings, verifyToken }: Pick<Env["Variables"], "settings" | "verifyToken">,
): Promise<Caller> {
  if (authorization === undefined) {
    if (!settings.anonymous) {
      throw refusal("Send `Authorization: Bearer` with an API key or a token of the trusted issuer.");
    }
    const scopes = settings.stage === "local" ? embedded : own;
    return { kind: "anonymous", by: "anonymous", scopes, owner: ID.ownerDefault };
  }
  const credential = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
  if (!credential || credential.length > credentialMax) {
    throw refusal(
      `\`Authorization\` must be \`Bearer\` and one credential of at most ${credentialMax} characters.`,
    );
  }
  if (credential.startsWith(ApiKey.prefix)) return fromKey(credential);
  const { issuer, subject, scopes } = await verifyToken(credential);
  const owner = ID.ownerFromClaims(issuer, subject);
  // A token without our scopes is of an issuer that does not know them: it has an owner's.
  const named = own.filter((scope) => scopes.includes(scope));
  const limited = scopes.some((scope) => scope.startsWith("images:"));
  return { kind: "user", by: `user:${owner}`, scopes: limited ? named : own, owner };
}

/**
 * Returns the owner that a request acts for: the one that it names, if the caller may act for it, otherwise the
 * caller's own. Undefined means every owner. Throws `forbidden`.
 */
export function actingFor(caller: Caller, wanted: string | undefined): string | undefined {
  if (caller.owner === undefined || wanted === undefined || wanted === caller.owner)
    return wanted ?? caller.owner;
  throw new VisibleError(
    "forbidden",
    `This caller may not act for the owner ${wanted}: that needs an API key with the scope \`service\` and no owner.`,
  );
}

async function fromKey(credential: string): Promise<Caller> {
  const key = await ApiKey.verify(credential);
  if (!key)
    throw refusal("The API key is unknown or revoked. Create another with `npm run image -- key create`.");
  return { kind: "key", by: `key:${key.id}`, scopes: key.scopes, owner: key.owner };
}

const refusal = (message: string) => new VisibleError("unauthenticated", message);
