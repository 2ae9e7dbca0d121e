/** Blurred previews, drawn once each. */
import { thumbhashURL } from "@image-pipeline/client/placeholder";

/** A screen of a 4 K display shows some hundred. */
const keptMax = 1000;

const drawn = new Map<string, string>();

/** A thumbhash as a CSS background; none for what is no thumbhash. */
export function previewOf(thumbhash: string | undefined): string | undefined {
  if (!thumbhash) return undefined;
  const before = drawn.get(thumbhash);
  if (before !== undefined) return before;
  if (drawn.size >= keptMax) drawn.clear();
  const image = draw(thumbhash);
  drawn.set(thumbhash, image);
  return image;
}

function draw(thumbhash: string): string {
  try {
    return `url("${thumbhashURL(thumbhash)}")`;
  } catch {
    // The picture's colour stands in for it.
    return "none";
  }
}
