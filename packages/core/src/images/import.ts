/** Imports: a `pending` image whose file the importer gets from a URL. */
export * as Import from "./import.ts";

import * as v from "valibot";
import { Queue } from "../aws/queue.ts";
import { Egress } from "../egress/egress.ts";
import { EgressError } from "../egress/egress-error.ts";
import { Target } from "../egress/target.ts";
import { Imports } from "../records/imports.ts";
import { Text } from "../text.ts";
import { Image } from "./image.ts";
import { Upload } from "./upload.ts";

/** Most headers of an import, and most characters of each value. */
const headersMax = 20;
const valueMax = 4_096;

/** Headers that would make the response something else than the file, or that the importer sets by itself. */
const isAllowed = (name: string) => Egress.isHeaderAllowed(name) && !/^(range|if-.*)$/.test(name);

const headers = v.pipe(
  v.record(
    v.pipe(
      v.string(),
      v.regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, "Is no name of a header."),
      v.toLowerCase(),
      v.check(isAllowed, "This header cannot be set."),
    ),
    v.pipe(
      v.string(),
      v.maxLength(valueMax, `Must have at most ${valueMax} characters.`),
      v.regex(/^[\t\x20-\x7e]*$/, "Must be printable ASCII."),
    ),
  ),
  v.check((all) => Object.keys(all).length <= headersMax, `At most ${headersMax} headers.`),
  v.metadata({
    jsonSchema: { type: "object", additionalProperties: { type: "string", maxLength: valueMax } },
  }),
  v.description(
    "Headers of the request, such as `Authorization` of a private source. They go to the origin of `url` only, not to that of a redirect, and are kept until the import ends, in no record and no log.",
  ),
);

/** The source of an import. */
export const from = v.pipe(
  v.strictObject({
    url: v.pipe(
      v.string(),
      v.maxLength(2_048),
      v.description(
        "URL of the file: https, of a public address, on port 443 or 80 (embedded mode accepts http too). At most three redirects are followed. The query is used but not recorded.",
      ),
    ),
    headers: v.optional(headers),
  }),
  v.description(
    "Source of an import, instead of an upload. `filename` may then be left out, and `contentType`, `bytes`, `sha256` and `method` must be. Without `from`, `filename`, `contentType` and `bytes` are required.",
  ),
  v.metadata({ ref: "ImportSource" }),
);
export type From = v.InferOutput<typeof from>;

/** A request for an import. */
export type New = { from: From; filename?: string } & Pick<Upload.New, keyof typeof Upload.description>;

/** The error of a URL that the policy refuses. */
export class RefusedURL extends Error {
  override readonly name = "RefusedURL";
}

/**
 * Creates a pending image and sends its import to the importer; counts against the owner's quotas like an upload of
 * `bytesMax` bytes. A repetition under the same idempotency key continues the first one. Throws `RefusedURL`,
 * `quota_exceeded`, `image_not_found` if an earlier run's image was deleted.
 */
export async function create(
  { from, filename, ...described }: New,
  creator: Upload.Creator,
  policy: Target.Policy,
): Promise<Image.Info> {
  const url = parse(from.url, policy);
  const name = filename ?? nameOf(url);
  const pending = { from: { url: url.origin + url.pathname }, filename: name, ...described };
  const record =
    (await Upload.begun(creator)) ?? (await Upload.createPending(pending, creator, creator.limits.bytesMax));
  if (Imports.isImporting(record)) {
    const { key } = record;
    await Queue.sendImport({ kind: "import", key, url: url.href, headers: from.headers, tries: 0 });
  }
  return Image.serialize(record);
}

function parse(url: string, policy: Target.Policy): URL {
  try {
    return Target.parse(url, policy);
  } catch (error) {
    throw error instanceof EgressError ? new RefusedURL(error.message, { cause: error }) : error;
  }
}

/** Returns the last part of a URL's path as a file name; undefined if there is none. */
function nameOf({ pathname }: URL): string | undefined {
  const last = pathname.split("/").at(-1) ?? "";
  try {
    const name = Text.lastOf(decodeURIComponent(last).toWellFormed(), 255);
    return name === "" ? undefined : name;
  } catch {
    return last.slice(-255);
  }
}
