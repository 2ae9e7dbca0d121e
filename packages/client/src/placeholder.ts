/** A picture's blurred preview, to be shown until the picture is there. The format: https://evanw.github.io/thumbhash */

/**
 * A thumbhash (base64, as in `placeholder.thumbhash`) as a data URL: a PNG of at most 32 × 32 pixels, to be stretched
 * by CSS. Throws for a text that is no thumbhash.
 */
export function thumbhashURL(thumbhash: string): string {
  const { width, height, rgba } = decode(
    Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0)),
  );
  return `data:image/png;base64,${btoa(String.fromCharCode(...png(width, height, rgba)))}`;
}

type Pixels = { width: number; height: number; rgba: Uint8Array };

/** The longer side of what is drawn: more would show nothing more. */
const sideMax = 32;

/**
 * Draws a thumbhash. It holds a few cosine waves for each of: lightness, yellow against blue, red against green, and
 * alpha; how many for lightness follows the picture's shape.
 */
function decode(hash: Uint8Array): Pixels {
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

  const width = Math.round(Math.min(sideMax, (sideMax * nx) / ny));
  const height = Math.round(Math.min(sideMax, (sideMax * ny) / nx));
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const value = (mean: number, channel: readonly Wave[]) =>
        channel.reduce(
          (sum, wave) => sum + wave.height * wave2D(wave, (x + 0.5) / width, (y + 0.5) / height),
          mean,
        );
      const l = value(lightness, lightnessWaves);
      const p = value(yellow, yellowWaves);
      const q = value(red, redWaves);
      const b = l - (2 / 3) * p;
      const r = (3 * l - b + q) / 2;
      rgba.set([r, r - q, b, value(alpha, alphaWaves)].map(toByte), at);
    }
  }
  return { width, height, rgba };
}

/** One cosine wave: how many half periods it has along each side, and how high it is. */
type Wave = { x: number; y: number; height: number };

const wave2D = ({ x, y }: Wave, across: number, down: number) =>
  Math.cos(Math.PI * x * across) * Math.cos(Math.PI * y * down) * 2;

const toByte = (value: number) => Math.trunc(Math.max(0, Math.min(1, value)) * 255);

/** A PNG that is not compressed: for a kilobyte or four, no code that compresses is worth its own size. */
function png(width: number, height: number, rgba: Uint8Array): number[] {
  const rows: number[] = [];
  for (let y = 0; y < height; y++) rows.push(0, ...rgba.subarray(y * width * 4, (y + 1) * width * 4));
  const length = [rows.length & 255, rows.length >> 8];
  const stored = [
    0x78,
    1,
    1,
    ...length,
    ...length.map((byte) => byte ^ 255),
    ...rows,
    ...int32(adler32(rows)),
  ];
  return [
    ...[137, 80, 78, 71, 13, 10, 26, 10],
    ...chunk("IHDR", [...int32(width), ...int32(height), 8, 6, 0, 0, 0]),
    ...chunk("IDAT", stored),
    ...chunk("IEND", []),
  ];
}

function chunk(type: string, data: number[]): number[] {
  const body = [...type].map((letter) => letter.charCodeAt(0)).concat(data);
  return [...int32(data.length), ...body, ...int32(crc32(body))];
}

const int32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function crc32(bytes: readonly number[]): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

function adler32(bytes: readonly number[]): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return (b << 16) | a;
}
