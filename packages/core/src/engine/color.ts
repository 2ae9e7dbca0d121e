/**
 * Colours to sRGB, for files that signal them by number instead of an ICC profile: cICP, gAMA and cHRM in PNG, nclx in
 * AVIF and HEIC. Numbers are those of ITU-T H.273. Where no specification decides, the result is Chromium's.
 */
export * as Color from "./color.ts";

/** Chromaticities (x, y) of red, green, blue and white. */
export type Primaries = readonly [number, number, number, number, number, number, number, number];

/** The colour encoding of a file. A number as `transfer` is a pure gamma: the exponent from value to linear light. */
export type Coding = { primaries: Primaries; transfer: "srgb" | "pq" | "hlg" | number };

const d65 = [0.3127, 0.329] as const;

const bt709: Primaries = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, ...d65];
const bt2020: Primaries = [0.708, 0.292, 0.17, 0.797, 0.131, 0.046, ...d65];

/** H.273, table 2. */
const primariesByCode: Readonly<Record<number, Primaries>> = {
  1: bt709, // and sRGB
  4: [0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.31, 0.316], // BT.470 System M
  5: [0.64, 0.33, 0.29, 0.6, 0.15, 0.06, ...d65], // BT.470 System B, G
  6: [0.63, 0.34, 0.31, 0.595, 0.155, 0.07, ...d65], // BT.601
  7: [0.63, 0.34, 0.31, 0.595, 0.155, 0.07, ...d65], // SMPTE 240M
  9: bt2020,
  11: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351], // DCI-P3
  12: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, ...d65], // Display P3
  22: [0.63, 0.34, 0.295, 0.605, 0.155, 0.077, ...d65], // EBU 3213
};

/** H.273, table 3. Television transfer functions are decoded with the display gamma of BT.1886, as in Chromium. */
const transferByCode: Readonly<Record<number, Coding["transfer"]>> = {
  1: 2.4,
  4: 2.2,
  5: 2.8,
  6: 2.4,
  8: 1,
  11: 2.4,
  13: "srgb",
  14: 2.4,
  15: 2.4,
  16: "pq",
  18: "hlg",
};

/** Returns the coding of two H.273 code points; undefined if either is unspecified or unknown. */
export function fromCodes(primaries: number, transfer: number): Coding | undefined {
  const [colours, curve] = [primariesByCode[primaries], transferByCode[transfer]];
  return colours && curve ? { primaries: colours, transfer: curve } : undefined;
}

/** Returns true if pixels are sRGB already. */
export const isSrgb = ({ primaries, transfer }: Coding) => primaries === bt709 && transfer === "srgb";

/** Returns true for an HDR transfer function, which encodes light above diffuse white. */
export const isHdr = ({ transfer }: Coding) => transfer === "pq" || transfer === "hlg";

/**
 * Returns the coding of PNG's gAMA (the exponent of the encoder) with the chromaticities of cHRM or sRGB; undefined
 * for the values of sRGB, which most encoders write to signal the sRGB curve.
 */
export function fromGamma(gamma: number, primaries: Primaries = bt709): Coding | undefined {
  const isBt709 = primaries.every((value, i) => Math.abs(value - (bt709[i] ?? 0)) < 0.002);
  if (isBt709 && Math.abs(gamma - 1 / 2.2) < 0.005) return undefined;
  // Triangles without an area have no matrix.
  const [rx, ry, gx, gy, bx, by, , wy] = primaries;
  const area = Math.abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry));
  return area > 0.001 && Math.min(ry, gy, by, wy) > 0 ? { primaries, transfer: 1 / gamma } : undefined;
}

/** Pixels of 3 or 4 channels, 8 or 16 bits each. */
export type Pixels = Uint8Array | Uint16Array;

/** Converts pixels to sRGB with 8 bits a channel; alpha stays as it is. HDR is tone-mapped. */
export function toSrgb(pixels: Pixels, channels: 3 | 4, coding: Coding): Buffer {
  const { primaries, transfer } = coding;
  const steps = pixels instanceof Uint16Array ? 65_535 : 255;
  const light = Float32Array.from({ length: steps + 1 }, (_, value) => linear(value / steps, transfer));
  const hdr = isHdr(coding);
  // HDR is tone-mapped between the two, in the primaries of BT.2020.
  const first = matrixBetween(primaries, hdr ? bt2020 : bt709);
  const last = matrixBetween(bt2020, bt709);
  const out = Buffer.alloc(pixels.length);
  for (let at = 0; at < pixels.length; at += channels) {
    let colour = applied(first, [
      light[pixels[at] ?? 0] ?? 0,
      light[pixels[at + 1] ?? 0] ?? 0,
      light[pixels[at + 2] ?? 0] ?? 0,
    ]);
    if (hdr) {
      const gain = transfer === "hlg" ? hlgPeak * luminance(colour) ** 0.2 : 1;
      const scale = gain * toneMapping(Math.max(...colour) * gain);
      colour = applied(last, [colour[0] * scale, colour[1] * scale, colour[2] * scale]);
    }
    out[at] = encoded(colour[0]);
    out[at + 1] = encoded(colour[1]);
    out[at + 2] = encoded(colour[2]);
    if (channels === 4) out[at + 3] = Math.round(((pixels[at + 3] ?? 0) * 255) / steps);
  }
  return out;
}

/** Diffuse white of HDR video, in nits (ITU-R BT.2408); light is given in multiples of it. */
const whiteNits = 203;

/** Peak of HLG on its reference display of 1,000 nits. */
const hlgPeak = 1000 / whiteNits;

/** Returns the light of an encoded value, both 0–1; for PQ in multiples of diffuse white, for HLG that of the scene. */
function linear(value: number, transfer: Coding["transfer"]): number {
  if (typeof transfer === "number") return value ** transfer;
  switch (transfer) {
    case "srgb":
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    case "pq": {
      // SMPTE ST 2084.
      const power = value ** (32 / 2523);
      const nits =
        10_000 * (Math.max(power - 3424 / 4096, 0) / (2413 / 128 - (2392 / 128) * power)) ** (8192 / 1305);
      return nits / whiteNits;
    }
    case "hlg":
      // ITU-R BT.2100.
      return value <= 0.5 ? value ** 2 / 3 : (Math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  }
}

/**
 * Returns the factor for light whose largest channel is `max`: half of it up to diffuse white, then a quadratic Bézier
 * curve to 1 at the peak of 1,000 nits. The curve is Chromium's, that of SMPTE ST 2094-50 for content of that peak.
 */
function toneMapping(max: number): number {
  if (max <= 1) return 0.5;
  if (max >= hlgPeak) return 1 / max;
  // From (1, 0.5) by (1.65, 0.825) to (hlgPeak, 1): solved for the curve's parameter t, then for its height.
  const square = 1 - 2 * 1.65 + hlgPeak;
  const t = (-0.65 + Math.sqrt(0.65 ** 2 - square * (1 - max))) / square;
  return ((1 - t) ** 2 * 0.5 + 2 * t * (1 - t) * 0.825 + t ** 2) / max;
}

/** sRGB's encoding of light, by a table that is fine enough for 8 bits in the shadows. */
const encodedSteps = 16_384;
const encodings = Uint8Array.from({ length: encodedSteps + 1 }, (_, step) => {
  const light = step / encodedSteps;
  return Math.round(255 * (light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055));
});

function encoded(light: number): number {
  return encodings[light <= 0 ? 0 : light >= 1 ? encodedSteps : Math.round(light * encodedSteps)] ?? 0;
}

type Light = readonly [number, number, number];
type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** Returns the matrix from light in one set of primaries to light in another, adapted to its white by Bradford's. */
function matrixBetween(from: Primaries, to: Primaries): Matrix {
  return product(inverse(toXyz(to)), product(adaptation(from, to), toXyz(from)));
}

/** Luminance of light in the primaries of BT.2020; 0 where it has none. */
const luminance = ([red, green, blue]: Light) => Math.max(0, 0.2627 * red + 0.678 * green + 0.0593 * blue);

function toXyz([rx, ry, gx, gy, bx, by, wx, wy]: Primaries): Matrix {
  const columns: Matrix = [
    rx / ry,
    gx / gy,
    bx / by,
    1,
    1,
    1,
    (1 - rx - ry) / ry,
    (1 - gx - gy) / gy,
    (1 - bx - by) / by,
  ];
  const [red, green, blue] = applied(inverse(columns), whiteOf(wx, wy));
  return product(columns, [red, 0, 0, 0, green, 0, 0, 0, blue]);
}

const whiteOf = (x: number, y: number): Light => [x / y, 1, (1 - x - y) / y];

const bradford: Matrix = [0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296];

function adaptation(from: Primaries, to: Primaries): Matrix {
  const [red, green, blue] = applied(bradford, whiteOf(from[6], from[7]));
  const [toRed, toGreen, toBlue] = applied(bradford, whiteOf(to[6], to[7]));
  const scale: Matrix = [toRed / red, 0, 0, 0, toGreen / green, 0, 0, 0, toBlue / blue];
  return product(inverse(bradford), product(scale, bradford));
}

function applied([a, b, c, d, e, f, g, h, i]: Matrix, [x, y, z]: Light): Light {
  return [a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z];
}

function product(left: Matrix, [a, b, c, d, e, f, g, h, i]: Matrix): Matrix {
  const [p, s, v] = applied(left, [a, d, g]);
  const [q, t, w] = applied(left, [b, e, h]);
  const [r, u, x] = applied(left, [c, f, i]);
  return [p, q, r, s, t, u, v, w, x];
}

function inverse([a, b, c, d, e, f, g, h, i]: Matrix): Matrix {
  const [p, q, r] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const over = 1 / (a * p + b * q + c * r);
  return [
    p * over,
    (c * h - b * i) * over,
    (b * f - c * e) * over,
    q * over,
    (a * i - c * g) * over,
    (c * d - a * f) * over,
    r * over,
    (b * g - a * h) * over,
    (a * e - b * d) * over,
  ];
}
