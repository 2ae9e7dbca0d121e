/** Who is asking, and what for: decided once, before a route runs. */

import { ApiKey } from "@image-pipeline/core/api-key";
import { VisibleError } from "@image-pipeline/core/error";
import { ID } from "@image-pipeline/core/id";
import type { Scope } from "@image-pipeline/core/scope";
import type { Context } from "hono";
import { Resource } from "sst";
import { verifyToken } from "./token.ts";

/**
 * Who is asking. `owner` is whose images this caller may see, and absent where that is anybody's; `by` is how the
 * audit trail names the caller.
 */
export type Caller = {
  kind: "anonymous" | "user" | "key";
  by: string;
  scopes: readonly Scope[];
  owner?: string;
};

/** What an owner may do with images of their own. */
const own = ["images:read", "images:write"] as const;

/** On one machine, for its own user alone, there is nobody to keep the operations page from. */
const isEmbedded = Resource.App.stage === "local";

/** Longer than any token that an issuer makes; what is longer is not even taken apart. */
const credentialMax = 8_192;

/** Finds out who sent a request. Throws `unauthenticated` unless that is sure, `identity_unavailable`. */
export async function identify(c: Context): Promise<Caller> {
  const header = c.req.header("authorization");
  if (header === undefined) {
    if (!Resource.Settings.anonymous)
      throw refusal("Send `Authorization: Bearer` with a token or an API key.");
    const scopes = isEmbedded ? ([...own, "service"] as const) : own;
    return { kind: "anonymous", by: "anonymous", scopes, owner: ID.ownerDefault };
  }
  const credential = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1];
  if (!credential || credential.length > credentialMax) {
    throw refusal("`Authorization` must be `Bearer` and a token or an API key.");
  }
  return credential.startsWith(ApiKey.prefix) ? fromKey(credential) : fromToken(credential);
}

/**
 * Whose images a request is about: the owner that it names, if this caller may act for that one, otherwise the
 * caller's own. Undefined: everybody's. Throws `forbidden`.
 */
export function actingFor(caller: Caller, wanted: string | undefined): string | undefined {
  if (caller.owner === undefined || wanted === undefined || wanted === caller.owner)
    return wanted ?? caller.owner;
  throw new VisibleError("forbidden", "Only a key with the scope service may act for other owners.");
}

async function fromKey(credential: string): Promise<Caller> {
  const key = await ApiKey.verify(credential);
  if (!key) throw refusal("The API key is not valid.");
  return { kind: "key", by: `key:${key.id}`, scopes: key.scopes, owner: key.owner };
}

async function fromToken(credential: string): Promise<Caller> {
  const { issuer, subject, scopes } = await verifyToken(credential);
  const owner = ID.ownerFromClaims(issuer, subject);
  // Issuers that know nothing of our scopes let their users do with their own images what owners may.
  const named = own.filter((scope) => scopes.includes(scope));
  const limited = scopes.some((scope) => scope.startsWith("images:"));
  return { kind: "user", by: `user:${owner}`, scopes: limited ? named : own, owner };
}

const refusal = (message: string) => new VisibleError("unauthenticated", message);
