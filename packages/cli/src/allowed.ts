/** Files that the user lets an agent read: those in the folders of `--allow`, wherever links lead. */
import { realpath, stat } from "node:fs/promises";
import { extname, isAbsolute, relative, resolve, sep } from "node:path";
import { ContentType } from "@image-pipeline/core/images/content-type";
import { UsageError } from "./command.ts";
import { printable } from "./format.ts";

/** The path of a folder is refused, or a file is not in one of the folders. The message is for the agent. */
export class RefusedFile extends Error {
  override readonly name = "RefusedFile";
}

/** A folder as the user named it, and its path without links. */
export type Folder = { given: string; real: string };

/** Returns a folder of `--allow`. Throws a `UsageError` if there is none. */
export async function folderOf(path: string): Promise<Folder> {
  const given = resolve(path);
  const real = await realpath(given).catch(() => undefined);
  if (real === undefined || !(await stat(real)).isDirectory())
    throw new UsageError(`--allow ${printable(path)} is not a folder. Name one that exists.`);
  return { given, real };
}

/**
 * Returns the path, without links, of an image in one of the folders. A relative path is of any of them. Throws a
 * `RefusedFile`, with the same message for every path outside, so that an agent cannot find out which files exist.
 */
export async function imageIn(folders: readonly Folder[], path: string): Promise<string> {
  const shown = JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
  const allowed = folders.map(({ given }) => given).join(", ");
  const outside = new RefusedFile(`${shown} is not in a folder that the user has allowed: ${allowed}.`);
  if (path.includes("\0")) throw outside;
  const places = folders
    .map(({ given }) => resolve(given, path))
    .filter((place) => folders.some(({ given, real }) => isIn(given, place) || isIn(real, place)));
  if (places.length === 0) throw outside;
  const found = (await Promise.all(places.map((place) => realpath(place).catch(() => undefined)))).find(
    (real) => real !== undefined,
  );
  if (found === undefined) throw new RefusedFile(`There is no file ${shown}.`);
  if (!folders.some(({ real }) => isIn(real, found))) throw outside;
  if (ContentType.ofExtension(extname(found)) === undefined)
    throw new RefusedFile(`${shown} is not an image by the extension of its name.`);
  if (!(await stat(found)).isFile()) throw new RefusedFile(`${shown} is not a file.`);
  return found;
}

/** Returns true if a path is below a folder. Both are absolute. */
function isIn(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
