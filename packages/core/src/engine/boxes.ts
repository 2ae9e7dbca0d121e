/** Reads boxes of the ISO base media file format (ISO/IEC 14496-12), of which AVIF and HEIC are made. */

/** A box's type, and the offsets of its content. */
export type Box = { type: string; start: number; end: number };

/** Returns the box at a path of types, from the outermost inwards. */
export function boxIn(view: DataView, path: readonly string[]): Box | undefined {
  let inside: Box = { type: "", start: 0, end: view.byteLength };
  for (const type of path) {
    const found = [...boxes(view, inside.start, inside.end)].find((box) => box.type === type);
    if (!found) return undefined;
    // Of these boxes only `meta` has a version before its children.
    inside = type === "meta" ? { ...found, start: found.start + 4 } : found;
  }
  return inside;
}

/** Yields the boxes between two offsets; at most a thousand, far more than a camera's file has. */
export function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  for (let at = from, count = 0; at + 8 <= to && count < 1000; count++) {
    const size = view.getUint32(at);
    const large = size === 1;
    const end = size === 0 ? to : at + (large ? Number(view.getBigUint64(at + 8)) : size);
    const start = at + (large ? 16 : 8);
    if (end < start || end > to) return;
    yield { type: tag(view, at + 4), start, end };
    at = end;
  }
}

/** Returns a four-character code. */
export function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
