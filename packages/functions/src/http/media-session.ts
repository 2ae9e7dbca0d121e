/** The route that opens all private files of an owner to a browser or an app. */
import { Signer } from "@image-pipeline/core/aws/signer";
import { ID } from "@image-pipeline/core/id";
import { Placement } from "@image-pipeline/core/records/placement";
import { wholeSeconds } from "@image-pipeline/core/time";
import { type Context, Hono } from "hono";
import { setCookie } from "hono/cookie";
import * as v from "valibot";
import { actingFor, type Env, type Guarded } from "./auth.ts";
import { Example } from "./examples.ts";
import { owner } from "./images-schema.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

/** Signed cookies for the files of one owner. */
export const MediaSession = v.pipe(
  v.object({
    path: v.pipe(v.string(), v.description("Path of the files that the cookies open.")),
    cookies: v.pipe(
      v.record(v.string(), v.string()),
      v.description("The cookies, for a client that sends them itself as `Cookie`. Keep them secret."),
    ),
    expiresAt: v.pipe(v.string(), v.isoTimestamp(), v.description("Expiry of the signature.")),
  }),
  v.metadata({ ref: "MediaSession" }),
);

export const mediaSession = new Hono<Env>().post(
  "/media-session",
  route({
    operationId: "createMediaSession",
    tag: "Images",
    summary: "Open an owner's private files",
    description:
      "Sets signed cookies for the private files of the caller's owner, and returns them. With them the URLs need no signature: `url` without its query string stays the same, so that a client caches it. An API key without an owner opens the files of the `owner` that it names, by default `default`. A signed URL takes precedence over cookies, even if it has expired.",
    scope: "images:read",
    responses: {
      200: {
        description: "The cookies are set.",
        schema: MediaSession,
        example: Example.mediaSession,
        headers: { "Set-Cookie": "The cookies: `HttpOnly`, and `Secure` unless the API has an `http:` URL." },
      },
    },
    errors: ["invalid_request"],
  }),
  validator("query", v.strictObject({ owner })),
  (c) => {
    const wanted = actingFor(c.var.caller, c.req.valid("query").owner) ?? ID.ownerDefault;
    const folder = `${Placement.prefix}${wanted}/`;
    const { cookies, expiresAt } = Signer.sign(folder);
    const path = `/media/${folder}`;
    setAll(c, cookies, path, expiresAt);
    return c.json({ path, cookies, expiresAt: wholeSeconds(new Date(expiresAt * 1000).toISOString()) }, 200);
  },
);

/** Sets cookies for a path. `Lax`: a page of the same site sends them for images, other sites do not. */
function setAll(
  c: Context<Guarded>,
  cookies: Readonly<Record<string, string>>,
  path: string,
  expiresAt: number,
): void {
  const secure = c.var.settings.url.startsWith("https:");
  const expires = new Date(expiresAt * 1000);
  for (const [name, value] of Object.entries(cookies))
    setCookie(c, name, value, { path, expires, httpOnly: true, secure, sameSite: "Lax" });
}
