/** Images as callers see them, made from their records. */
import { Resource } from "sst";
import { Signer } from "../aws/signer.ts";
import { contentTypeOf } from "../engine/format.ts";
import { names } from "../engine/recipe.ts";
import { Placement } from "../records/placement.ts";
import { Protocol } from "../records/protocol.ts";
import { VariantFile } from "../records/variant-file.ts";
import { type ImageRecord, visibleStatuses } from "../table/image-entity.ts";
import type { StoredFile } from "../table/stored-variant.ts";
import { wholeSeconds } from "../time.ts";
import type { Info } from "./image-schema.ts";
import { negotiated } from "./negotiate.ts";

/** Returns whether callers may see a record. The reconciler deletes an expired one minutes late. */
export const isVisible = (record: ImageRecord) =>
  isPresent(record) && !Protocol.rules.isExpired(record, Date.now());

/** Returns whether a record is not of a deletion, and its TTL is not over: the table removes it days late. */
export const isPresent = ({ status, expiresAt }: ImageRecord) =>
  status !== "deleting" && status !== "deleted" && (expiresAt === undefined || expiresAt * 1000 > Date.now());

/**
 * Serializes a visible record for callers, without attempts and leases. Fields without a value are undefined, and so
 * absent in JSON: there is no `null`.
 */
export function serialize(record: ImageRecord): Info {
  const shown = Placement.shownOf(record);
  const signed = shown && isSigned(shown) ? Signer.sign(Placement.folderOf(record)) : undefined;
  const { imageID, version, owner, filename, title, alt, tags, metadata, placeholder, error } = record;
  const { focus, regions, trash } = record;
  const status = visibleStatuses.find((visible) => visible === record.status);
  if (!status) throw new Error(`${imageID} is ${record.status}, which callers must not see.`);
  return {
    id: imageID,
    status,
    version,
    owner,
    filename,
    title,
    alt,
    tags,
    metadata,
    focus,
    regions,
    visibility: visibilityOf(record),
    source: {
      key: record.key,
      url: record.from?.url,
      bytes: record.bytes,
      ...record.source,
      contentType: record.source && contentTypeOf(record.source.format),
      sha256: record.sha256,
    },
    placeholder,
    variants: shown && variantsOf(shown, signed?.query),
    urlsExpireAt: signed && wholeSeconds(new Date(signed.expiresAt * 1000).toISOString()),
    createdAt: wholeSeconds(record.createdAt),
    updatedAt: wholeSeconds(record.updatedAt),
    processedAt: record.processedAt && wholeSeconds(record.processedAt),
    trash:
      status === "trashed" && trash
        ? { at: wholeSeconds(trash.at), until: wholeSeconds(trash.until) }
        : undefined,
    expiresAt: record.deleteAt && wholeSeconds(record.deleteAt),
    deferredUntil: status === "pending" ? record.deferredUntil : undefined,
    error,
  };
}

/** Returns the visibility of a record: `public` for older ones, which have none. */
export const visibilityOf = ({ visibility = "public" }: ImageRecord) => visibility;

const isSigned = (variants: NonNullable<ImageRecord["variants"]>) =>
  Object.values(variants).some(({ key }) => Placement.isPrivate(key));

/**
 * Returns variants in the recipe's order, with their URLs; undefined if there are none. `query` signs those of private
 * files.
 */
function variantsOf(stored: NonNullable<ImageRecord["variants"]>, query = ""): Info["variants"] {
  // Not at module scope: the reconciler imports this file, and has no link to the router.
  const media = `${Resource.Router.url}/media/`;
  const variants: Info["variants"] = {};
  let some = false;
  for (const name of names) {
    const variant = stored[name];
    if (!variant) continue;
    const { width, height, format, bytes, widths } = variant;
    const contentType = contentTypeOf(format);
    const shownAs = (files: readonly StoredFile[]) => urlsOf(media, files, query);
    const { url, formats } = shownAs(VariantFile.formatsOf(variant));
    const narrower = widths?.map((size) => ({
      ...size,
      ...shownAs(VariantFile.atWidth(variant, size.width)),
    }));
    variants[name] = { url, width, height, format, contentType, bytes, formats, widths: narrower };
    some = true;
  }
  return some ? variants : undefined;
}

/** Returns the URL of an image that has a file in each of these formats, and those files if there are several. */
function urlsOf(media: string, files: readonly StoredFile[], query: string) {
  const [first] = files;
  if (!first) throw new Error("A variant has no file.");
  const urlOf = (path: string) => media + path + (Placement.isPrivate(path) ? `?${query}` : "");
  const entries = files.map(({ key, format, bytes }) => [
    format,
    { url: urlOf(key), contentType: contentTypeOf(format), bytes },
  ]);
  return files.length > 1
    ? { url: urlOf(negotiated(files)), formats: Object.fromEntries(entries) }
    : { url: urlOf(first.key), formats: undefined };
}
