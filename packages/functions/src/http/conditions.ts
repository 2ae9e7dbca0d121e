/** Versions in headers (RFC 9110 section 13): what a client already has, and what it means to change. */
import { VisibleError } from "@image-pipeline/core/error";

/** An image's ETag. Weak, because the same version may be written out in more than one way. */
export const etagOf = ({ version }: { version: number }): string => `W/"v${version}"`;

/** Whether `If-None-Match` names this ETag, or any. */
export function has(ifNoneMatch: string | undefined, etag: string): boolean {
  return (
    ifNoneMatch !== undefined &&
    tagsOf(ifNoneMatch).some((tag) => tag === "*" || opaque(tag) === opaque(etag))
  );
}

/**
 * The version that `If-Match` asks for; undefined where it asks for none, or for any. Weak tags count, because we
 * issue no others. Throws `version_conflict` for a tag that we cannot have issued.
 */
export function versionOf(ifMatch: string | undefined): number | undefined {
  const tags = tagsOf(ifMatch);
  if (tags.length === 0 || tags.includes("*")) return undefined;
  const [, version] = /^(?:W\/)?"v(\d{1,15})"$/.exec(tags[0] ?? "") ?? [];
  if (tags.length === 1 && version !== undefined) return Number(version);
  throw new VisibleError("version_conflict", "`If-Match` takes one ETag, just as it was given.");
}

const tagsOf = (header: string | undefined) =>
  (header ?? "")
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

const opaque = (tag: string) => tag.replace(/^W\//, "");
