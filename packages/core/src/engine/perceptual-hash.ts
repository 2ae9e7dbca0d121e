/**
 * Perceptual hash (dHash): recognises an image after it was resized, brightened or re-encoded. Each bit is set if the
 * lightness increases from one column to the next (N. Krawetz, "Kind of Like That", 2013,
 * https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html).
 */

const columns = 9;
const rows = 8;

/**
 * Computes the hash from RGBA pixels, row by row; transparent pixels count as white. Returns 64 bits as 16 hex digits,
 * row by row, the first in the highest bit: the layout of Python's `imagehash.dhash`. Similar images differ in few
 * bits, by its author's measure at most 10.
 */
export function perceptualHash(rgba: Uint8Array, width: number, height: number): string {
  const light = lightness(rgba, width, height);
  let bits = 0n;
  for (let row = 0; row < rows; row++) {
    for (let column = 1; column < columns; column++) {
      const at = row * columns + column;
      bits = (bits << 1n) | ((light[at] ?? 0) > (light[at - 1] ?? 0) ? 1n : 0n);
    }
  }
  return bits.toString(16).padStart(16, "0");
}

/** Computes the mean lightness (ITU-R BT.601) of 9 × 8 equal parts, rounded to suppress noise in flat parts. */
function lightness(rgba: Uint8Array, width: number, height: number): number[] {
  const parts = Array.from({ length: columns * rows }, () => 0);
  const across = shares(width, columns);
  const down = shares(height, rows);
  for (const [y, intoRows] of down.entries()) {
    for (const [x, intoColumns] of across.entries()) {
      const at = (y * width + x) * 4;
      const [r = 0, g = 0, b = 0, a = 0] = rgba.subarray(at, at + 4);
      const light = 255 + (a / 255) * (0.299 * r + 0.587 * g + 0.114 * b - 255);
      for (const [row, tall] of intoRows) {
        for (const [column, wide] of intoColumns) {
          const part = row * columns + column;
          parts[part] = (parts[part] ?? 0) + light * tall * wide;
        }
      }
    }
  }
  return parts.map(Math.round);
}

/** Computes for each of `count` pixels in a row which of `into` equal parts it covers, and its share of each. */
function shares(count: number, into: number): [number, number][][] {
  const size = count / into;
  return Array.from({ length: count }, (_, pixel) => {
    const found: [number, number][] = [];
    for (let part = Math.floor(pixel / size); part < into && part * size < pixel + 1; part++) {
      const covered = Math.min(pixel + 1, (part + 1) * size) - Math.max(pixel, part * size);
      if (covered > 1e-9) found.push([part, covered / size]);
    }
    return found;
  });
}
