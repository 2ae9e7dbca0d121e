/** ETags and conditional requests (RFC 9110, section 13), and the interval of polling. */
import { VisibleError } from "@image-pipeline/core/error";
import type { Image } from "@image-pipeline/core/images/image";

/**
 * Returns an image's ETag. It is weak, because one version may be serialized in more than one way. Signed URLs change
 * with each window, and the ETag with them.
 */
export const etagOf = ({ version, urlsExpireAt }: { version: number; urlsExpireAt?: string }): string =>
  `W/"v${version}${urlsExpireAt ? `.${Date.parse(urlsExpireAt) / 1000}` : ""}"`;

/** Returns whether `If-None-Match` contains this ETag or `*`. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return (
    ifNoneMatch !== undefined &&
    tagsOf(ifNoneMatch).some((tag) => tag === "*" || opaque(tag) === opaque(etag))
  );
}

/**
 * Returns the version that `If-Match` demands; undefined without the header or for `*`. Weak tags are compared like
 * strong ones, because the API issues no others. Throws `version_conflict` for a tag that the API never issues.
 */
export function versionOf(ifMatch: string | undefined): number | undefined {
  const tags = tagsOf(ifMatch);
  if (tags.length === 0 || tags.includes("*")) return undefined;
  const [, version] = /^(?:W\/)?"v(\d{1,15})(?:\.\d{1,15})?"$/.exec(tags[0] ?? "") ?? [];
  if (tags.length === 1 && version !== undefined) return Number(version);
  throw new VisibleError(
    "version_conflict",
    '`If-Match` must be one ETag exactly as the API returned it, such as `W/"v3"`, or `*`.',
  );
}

const tagsOf = (header: string | undefined) =>
  (header ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

const opaque = (tag: string) => tag.replace(/^W\//, "");

/**
 * Returns the `Retry-After` of an image that is `pending` or `processing`: a tenth of the time since its last change, from
 * 1 to 10 seconds, so that a caller learns of the end at most a tenth late. `now` is in ms since 1970. Undefined for an
 * image that is final.
 */
export function retryAfterOf(
  { status, updatedAt }: Pick<Image.Info, "status" | "updatedAt">,
  now: number,
): number | undefined {
  if (status !== "pending" && status !== "processing") return undefined;
  const seconds = Math.floor((now - Date.parse(updatedAt)) / 10_000);
  return Math.min(Math.max(seconds, 1), 10);
}
