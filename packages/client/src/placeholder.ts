/** A picture's blurred preview, to be shown until the picture is there. The format: https://evanw.github.io/thumbhash */

/**
 * A thumbhash (base64, as in `placeholder.thumbhash`) as a data URL: a PNG of at most 32 × 32 pixels, to be stretched
 * by CSS. Where many are shown at once, a `sideMax` of 16 costs a quarter and hardly shows. Throws for a text that is
 * no thumbhash.
 */
export function thumbhashURL(thumbhash: string, sideMax = 32): string {
  const { width, height, rgba } = decode(
    Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0)),
    sideMax,
  );
  return `data:image/png;base64,${btoa(String.fromCharCode(...png(width, height, rgba)))}`;
}

type Pixels = { width: number; height: number; rgba: Uint8Array };

/**
 * Draws a thumbhash. It holds a few cosine waves for each of: lightness, yellow against blue, red against green, and
 * alpha; how many for lightness follows the picture's shape.
 */
function decode(hash: Uint8Array, sideMax: number): Pixels {
  let position = 0;
  /** The next bits, lowest first. The format packs its fields so, and its 4-bit waves too. */
  const bits = (count: number) => {
    let value = 0;
    for (let i = 0; i < count; i++, position++) {
      value += (((hash[position >> 3] ?? 0) >> (position & 7)) & 1) << i;
    }
    return value;
  };
  const lightness = bits(6) / 63;
  const yellow = bits(6) / 31.5 - 1;
  const red = bits(6) / 31.5 - 1;
  const lightnessScale = bits(5) / 31;
  const hasAlpha = bits(1) === 1;
  const short = bits(3);
  const yellowScale = (bits(6) / 63) * 1.25;
  const redScale = (bits(6) / 63) * 1.25;
  const isLandscape = bits(1) === 1;
  const long = hasAlpha ? 5 : 7;
  const alpha = hasAlpha ? bits(4) / 15 : 1;
  const alphaScale = hasAlpha ? bits(4) / 15 : 0;
  if (hash.length < 5 || short === 0) throw new RangeError("This is not a thumbhash.");

  /** The waves of one channel: those below the diagonal of an nx × ny grid, without the constant one. */
  const waves = (nx: number, ny: number, scale: number): Wave[] => {
    const all: Wave[] = [];
    for (let y = 0; y < ny; y++) {
      for (let x = y > 0 ? 0 : 1; x * ny < nx * (ny - y); x++) {
        all.push({ x, y, height: (bits(4) / 7.5 - 1) * scale });
      }
    }
    return all;
  };
  const [nx, ny] = (isLandscape ? [long, short] : [short, long]) as [number, number];
  const lightnessWaves = waves(Math.max(3, nx), Math.max(3, ny), lightnessScale);
  const yellowWaves = waves(3, 3, yellowScale);
  const redWaves = waves(3, 3, redScale);
  const alphaWaves = hasAlpha ? waves(5, 5, alphaScale) : [];

  const width = Math.max(1, Math.round(Math.min(sideMax, (sideMax * nx) / ny)));
  const height = Math.max(1, Math.round(Math.min(sideMax, (sideMax * ny) / nx)));
  const across = cosines(width);
  const down = cosines(height);
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const value = (mean: number, channel: readonly Wave[]) => {
        let sum = mean;
        for (const wave of channel)
          sum += 2 * wave.height * (across[wave.x * width + x] ?? 0) * (down[wave.y * height + y] ?? 0);
        return sum;
      };
      const l = value(lightness, lightnessWaves);
      const p = value(yellow, yellowWaves);
      const q = value(red, redWaves);
      const b = l - (2 / 3) * p;
      const r = (3 * l - b + q) / 2;
      rgba[at] = toByte(r);
      rgba[at + 1] = toByte(r - q);
      rgba[at + 2] = toByte(b);
      rgba[at + 3] = toByte(value(alpha, alphaWaves));
    }
  }
  return { width, height, rgba };
}

/** One cosine wave: how many half periods it has along each side, and how high it is. */
type Wave = { x: number; y: number; height: number };

/** Seven half periods are the most that a wave has. */
const halvesMax = 7;

/** Every wave's height at the middle of each pixel of a side, wave after wave: asked for some 30,000 times a picture. */
function cosines(side: number): Float64Array {
  return Float64Array.from({ length: (halvesMax + 1) * side }, (_, i) =>
    Math.cos((Math.PI * Math.floor(i / side) * ((i % side) + 0.5)) / side),
  );
}

const toByte = (value: number) => Math.trunc(Math.max(0, Math.min(1, value)) * 255);

/** Where a PNG's parts begin, of which there is one of each: the header, the pixels, and where their bytes do. */
const at = { header: 8, pixels: 33, rows: 48 };

/** A PNG that is not compressed: for a kilobyte or four, no code that compresses is worth its own size. */
function png(width: number, height: number, rgba: Uint8Array): Uint8Array {
  const line = width * 4;
  const length = (line + 1) * height;
  const bytes = new Uint8Array(at.rows + length + 20);
  const view = new DataView(bytes.buffer);
  bytes.set([137, 80, 78, 71, 13, 10, 26, 10]);
  view.setUint32(at.header + 8, width);
  view.setUint32(at.header + 12, height);
  bytes.set([8, 6], at.header + 16);
  close("IHDR", at.header, 13);
  // One block, stored as it is.
  bytes.set([0x78, 1, 1], at.pixels + 8);
  view.setUint16(at.pixels + 11, length, true);
  view.setUint16(at.pixels + 13, ~length, true);
  // The first byte of each row says that it is not filtered.
  for (let y = 0; y < height; y++) {
    bytes.set(rgba.subarray(y * line, (y + 1) * line), at.rows + y * (line + 1) + 1);
  }
  view.setUint32(at.rows + length, adler32(bytes.subarray(at.rows, at.rows + length)));
  close("IDAT", at.pixels, length + 11);
  close("IEND", at.rows + length + 8, 0);
  return bytes;

  /** Writes what stands around a part's data: its length, its name, and its checksum. */
  function close(name: string, start: number, size: number) {
    view.setUint32(start, size);
    bytes.set(
      [...name].map((letter) => letter.charCodeAt(0)),
      start + 4,
    );
    view.setUint32(start + 8 + size, crc32(bytes.subarray(start + 4, start + 8 + size)));
  }
}

/** What eight bits do to a checksum, for each byte. */
const crcs = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcs[(crc ^ byte) & 255] ?? 0);
  return ~crc;
}

/** The sums of so small a picture are exact numbers: they need to be taken down but once. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a += byte;
    b += a;
  }
  return ((b % 65_521) << 16) | (a % 65_521);
}
