/** Who is asking, and what for: decided once, before a route runs. */
import { VisibleError } from "@image-pipeline/core/error";
import { ID } from "@image-pipeline/core/id";
import type { Context } from "hono";
import { Resource } from "sst";
import type { Scope } from "./scope.ts";

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

/** Finds out who sent a request. Throws `unauthenticated` unless that is sure. */
export async function identify(c: Context): Promise<Caller> {
  if (c.req.header("authorization") === undefined && Resource.Settings.anonymous) {
    return {
      kind: "anonymous",
      by: "anonymous",
      scopes: ["images:read", "images:write"],
      owner: ID.ownerDefault,
    };
  }
  throw new VisibleError("unauthenticated", "Send `Authorization: Bearer` with a token or an API key.");
}
