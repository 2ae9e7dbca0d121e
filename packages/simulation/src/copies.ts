/** Copies of images: an export into memory, and the import of one image as the command line makes it. */

import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import type { Transfer } from "@image-pipeline/core/pipeline/transfer";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";

/** An image as an export has it, with the bytes of its files by path. */
export type Copied = Transfer.Image & { files: Transfer.File[]; contents: Map<string, Buffer> };

/** Loaded late: `sst` reads the environment of the simulation when it is loaded. */
const load = () => import("@image-pipeline/core/pipeline/transfer");

/** The name of the job that imports an image. */
export const copyJob = "copy";

/** Reads images as an export does. Those that are not copied are left out. */
export async function readCopies(ids: Iterable<string>): Promise<Copied[]> {
  const { Transfer } = await load();
  const copies: Copied[] = [];
  for (const id of ids) {
    const contents = new Map<string, Buffer>();
    const image = await Transfer.read(id, async (path, { body }) => {
      contents.set(path, await buffer(body));
    });
    if (image) copies.push({ ...image, contents });
  }
  return copies;
}

/** Writes an image on the stage as an import does. */
export async function writeCopy({ contents, ...image }: Copied): Promise<Transfer.Outcome> {
  const { Transfer } = await load();
  return Transfer.write(image, async ({ path, bytes }) => {
    const content = contents.get(path) ?? Buffer.alloc(0);
    return { body: Readable.from([content], { objectMode: false }), bytes };
  });
}

/** Attributes that a copy has in common with its source. */
const common = [
  ...(["owner", "status", "version", "attempt", "createdAt", "filename", "title", "alt", "tags"] as const),
  ...(["metadata", "visibility", "focus", "etag", "sha256", "bytes", "source", "placeholder"] as const),
  ...(["recipe", "error", "last"] as const),
];

/** Yields what differs between a copy and its source. */
export function* differences(
  { record, files }: Copied,
  copy: ImageRecord,
  { uploads, variants }: Record<"uploads" | "variants", ReadonlyMap<string, { etag: string }>>,
): Iterable<string> {
  const isUnfinished = record.status === "pending" || record.status === "processing";
  if (isUnfinished) return;
  for (const name of common)
    if (!isDeepStrictEqual(record[name], copy[name])) yield `a copy has another ${name} than its source`;
  const keys = ({ variants = {} }: ImageRecord) => Object.values(variants).map(({ key }) => key);
  if (!isDeepStrictEqual(keys(record).sort(), keys(copy).sort()))
    yield "a copy names other variants than its source";
  for (const { path, md5 } of files) {
    const [kind, ...key] = path.split("/");
    const found = (kind === "originals" ? uploads : variants).get(key.join("/"));
    if (found?.etag !== md5) yield `a file of a copy, of its ${kind}, is not that of its source`;
  }
}
