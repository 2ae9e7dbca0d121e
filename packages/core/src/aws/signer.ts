/**
 * Signs access to the files of private images, as CloudFront's trusted key groups and the front door of `npm start`
 * verify it. A policy names a folder, so that one signature serves all files of an image, or all images of an owner.
 *
 * RSA and not ECDSA, whose signatures differ each time: URLs must be equal, or no browser could cache what they name.
 */
export * as Signer from "./signer.ts";

import { createPrivateKey, type KeyObject } from "node:crypto";
import { getSignedCookies } from "@aws-sdk/cloudfront-signer";
import { Resource } from "sst";

/** A signature for the files of one folder. `expiresAt` is in seconds since 1970. */
export type Signed = {
  cookies: Readonly<Record<string, string>>;
  query: string;
  expiresAt: number;
};

/** Most signatures that a process keeps; one has about 1 KB. */
const keptMax = 2_000;

let key: { pem: string; parsed: KeyObject } | undefined;
const kept = new Map<string, Signed>();

/**
 * Returns the end of the current window, in seconds since 1970: a multiple of half of `lifeSeconds`, from half of
 * `lifeSeconds` to `lifeSeconds` away. All signatures of a window are equal.
 */
export function expiryOf(now: number, lifeSeconds: number): number {
  const half = Math.floor(lifeSeconds / 2);
  return (Math.floor(now / 1000 / half) + 2) * half;
}

/** Signs a folder below `/media/`, such as `private/OWNER/IMAGE/`, until the end of the window. */
export function sign(folder: string, now = Date.now()): Signed {
  const expiresAt = expiryOf(now, Resource.Settings.privateUrlSeconds);
  const { id, privateKey } = Resource.MediaKey;
  const name = `${id} ${expiresAt} ${folder}`;
  const known = kept.get(name);
  if (known) return known;
  if (key?.pem !== privateKey) key = { pem: privateKey, parsed: createPrivateKey(privateKey) };
  const policy = JSON.stringify({
    Statement: [
      {
        Resource: `${Resource.Router.url}/media/${folder}*`,
        Condition: { DateLessThan: { "AWS:EpochTime": expiresAt } },
      },
    ],
  });
  const signed = getSignedCookies({
    policy,
    keyPairId: id,
    // Parsed once: parsing costs twice as much as signing. The type does not name what Node's `sign` accepts.
    privateKey: key.parsed as unknown as string,
    algorithm: "SHA256",
  });
  // The values are base64 in an alphabet that URLs need not encode.
  const cookies = Object.fromEntries(Object.entries(signed).map(([name, value]) => [name, String(value)]));
  const query = Object.entries(cookies)
    .map(([name, value]) => `${name.replace("CloudFront-", "")}=${value}`)
    .join("&");
  if (kept.size >= keptMax) kept.clear();
  const made = { cookies, query, expiresAt };
  kept.set(name, made);
  return made;
}
