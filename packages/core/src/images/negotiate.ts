/** Content negotiation of variants in several formats: the URL names the formats, and `Accept` selects the file. */

/** Extensions, from the smallest file to the most compatible one. */
const extensions = ["avif", "webp", "jpg"];

/** Returns the path, such as `…/medium.avif.webp.jpg`, of a variant with these files, which share their stem. */
export function negotiated(files: readonly { readonly key: string }[]): string {
  const keys = files.map(({ key }) => key);
  const present = extensions.filter((extension) => keys.some((key) => key.endsWith(`.${extension}`)));
  const [key = ""] = keys;
  return [key.slice(0, key.lastIndexOf(".")), ...present].join(".");
}

/**
 * Returns the path of the file for an `Accept` header: of the formats in the path, the first that the header names, or
 * else the last. `*` in `Accept` selects nothing, because image libraries of apps send it without support for AVIF.
 * Other paths stay as they are, so that there are as many cache keys as files. Reads the first 512 characters of
 * `Accept`; browsers send at most 140.
 *
 * Self-contained and in the JavaScript of CloudFront Functions, because the edge runs its source text.
 */
export function negotiate(path: string, accept: string): string {
  const found = /^(.*\/[^./]+)((\.(avif|webp|jpg)){2,3})$/.exec(path);
  if (!found) return path;
  const types = accept.slice(0, 512).toLowerCase().split(" ").join("").split(",");
  const formats = String(found[2]).slice(1).split(".");
  const format =
    formats.find((format) =>
      types.some((type) => type.split(";")[0] === `image/${format}` && !/;q=0(\.0*)?$/.test(type)),
    ) || formats[formats.length - 1];
  return `${found[1]}.${format}`;
}
