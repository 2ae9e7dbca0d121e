/** ETags and conditional requests (RFC 9110, section 13). */
import { VisibleError } from "@image-pipeline/core/error";

/** Returns an image's ETag. It is weak, because one version may be serialized in more than one way. */
export const etagOf = ({ version }: { version: number }): string => `W/"v${version}"`;

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
  const [, version] = /^(?:W\/)?"v(\d{1,15})"$/.exec(tags[0] ?? "") ?? [];
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
