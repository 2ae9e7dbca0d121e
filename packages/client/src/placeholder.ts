/** Blurred previews from a ThumbHash. The only module of the client with a dependency at run time: `thumbhash`. */
import { thumbHashToDataURL } from "thumbhash";

/** Length in bytes of the fixed fields of a ThumbHash: https://evanw.github.io/thumbhash */
const headerBytes = 5;

/**
 * Decodes a ThumbHash (base64, as in `placeholder.thumbhash`) to a data URL: a PNG of at most 32 × 32 pixels, to be
 * stretched by CSS. Throws a `RangeError` for a text that is too short, and what `atob` throws for one that is not
 * base64.
 *
 * @example
 * image.placeholder && (element.style.backgroundImage = `url(${thumbhashURL(image.placeholder.thumbhash)})`);
 */
export function thumbhashURL(thumbhash: string): string {
  const bytes = Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0));
  if (bytes.length <= headerBytes)
    throw new RangeError(`${JSON.stringify(thumbhash)} is not a ThumbHash: it has ${bytes.length} bytes.`);
  return thumbHashToDataURL(bytes);
}
