/**
 * Images for tests and benchmarks, all generated, each with a provenance comment. Photo-like: soft colour fields with
 * texture and grain, so that encoders need as much CPU for them as for a camera's photo. Each corner has a different
 * colour, so that tests can detect a rotated or mirrored image.
 */

import { createRequire } from "node:module";
import type { Sharp, default as SharpModule } from "sharp";
import { randomFrom } from "./fixture-random.ts";

const sharp: typeof SharpModule = createRequire(import.meta.url)("sharp");

/** Options of a generated photo. `orientation` is EXIF's 1–8: pixels are stored rotated so that it displays upright. */
export type Photo = {
  width: number;
  height: number;
  seed?: number;
  format?: "jpeg" | "png" | "webp" | "avif" | "gif" | "tiff";
  progressive?: boolean;
  alpha?: boolean;
  profile?: "srgb" | "p3";
  orientation?: number;
  exif?: Record<string, Record<string, string>>;
};

/** Corners of every photo, upright: red, green, blue and yellow-ish, clockwise from the top left. */
export const corners = {
  topLeft: "#c05040",
  topRight: "#50a060",
  bottomRight: "#c0b050",
  bottomLeft: "#4060b0",
};

/** Returns the largest channel difference between an image's corners and those of an upright photo. */
export async function cornersApart(bytes: Buffer): Promise<number> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3).subarray(0, 3)];
  const [right, bottom] = [info.width - 1, info.height - 1];
  const seen = [at(0, 0), at(right, 0), at(right, bottom), at(0, bottom)].flat();
  const wanted = [corners.topLeft, corners.topRight, corners.bottomRight, corners.bottomLeft].flatMap(rgb);
  return Math.max(...seen.map((value, i) => Math.abs(value - (wanted[i] ?? 0))));
}

/** Generates an encoded photo that displays at this size. The same options give the same pixels. */
export async function photo(options: Photo): Promise<Buffer> {
  const { format = "jpeg", progressive = false, profile, orientation, exif } = options;
  let picture = pixels(options);
  if (orientation && orientation > 1) picture = await stored(picture, orientation);
  if (profile) picture = picture.withIccProfile(profile);
  if (exif) picture = picture.withExif(exif);
  if (orientation) picture = picture.withMetadata({ orientation });
  return picture
    .toFormat(format, { ...encodings[format], ...(progressive ? { progressive } : {}) })
    .toBuffer();
}

const encodings = {
  jpeg: { quality: 92, chromaSubsampling: "4:2:0" }, // what phones write: 2–4 MB for 12 MP
  png: { compressionLevel: 6 },
  webp: { quality: 90, effort: 0 },
  avif: { quality: 60, effort: 0 },
  gif: { effort: 1 },
  tiff: { compression: "lzw" },
} as const;

/** EXIF as a phone writes it, including a GPS position: Bern, 46.948° N 7.447° E, 540 m. */
export const phoneExif = {
  IFD0: { Make: "Fairphone", Model: "Fairphone 5", Software: "secret-software" },
  IFD2: {
    DateTimeOriginal: "2024:05:17 18:03:22",
    OffsetTimeOriginal: "+02:00",
    LensModel: "Main 5.6 mm f/1.88",
  },
  IFD3: {
    GPSLatitudeRef: "N",
    GPSLatitude: "46/1 56/1 5280/100",
    GPSLongitudeRef: "E",
    GPSLongitude: "7/1 26/1 4920/100",
    GPSAltitudeRef: "0",
    GPSAltitude: "540/1",
  },
} as const;

/** Rotates an upright image to the orientation that a camera stores. */
async function stored(picture: Sharp, orientation: number): Promise<Sharp> {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const upright = sharp(data, { raw: { width, height, channels } });
  // The inverse of the transform that a viewer applies for this EXIF orientation.
  const turned = [2, 4, 5, 7].includes(orientation) ? upright.flop() : upright;
  const angle = { 3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90 }[orientation] ?? 0;
  const out = await turned.rotate(angle).raw().toBuffer({ resolveWithObject: true });
  return sharp(out.data, { raw: { width: out.info.width, height: out.info.height, channels } });
}

function pixels({ width, height, seed = 1, alpha = false }: Photo): Sharp {
  const channels = alpha ? 4 : 3;
  const data = Buffer.allocUnsafe(width * height * channels);
  const random = randomFrom(seed);
  const [a, b, c, d] = [corners.topLeft, corners.topRight, corners.bottomLeft, corners.bottomRight].map(rgb);
  const waves = Array.from({ length: 6 }, (_, i) => ({
    x: (random() - 0.5) * 2 ** (i + 2),
    y: (random() - 0.5) * 2 ** (i + 2),
    at: random() * 6.28,
    by: 26 / (i + 1),
  }));
  const cosine = Float32Array.from({ length: 4096 }, (_, i) => Math.cos((i / 4096) * 6.2831853));
  const grain = Float32Array.from({ length: 65_536 }, () => (random() + random() + random() - 1.5) * 9);
  let at = 0;
  for (let y = 0; y < height; y++) {
    const v = height > 1 ? y / (height - 1) : 0;
    for (let x = 0; x < width; x++) {
      const u = width > 1 ? x / (width - 1) : 0;
      let light = grain[(x * 7919 + y * 104_729 + ((x * y) >> 3)) & 65_535] ?? 0;
      for (const wave of waves) {
        const phase = (wave.x * u + wave.y * v) * 651.9 + wave.at * 651.9;
        light += (cosine[Math.trunc(phase) & 4095] ?? 0) * wave.by;
      }
      // Fades out towards the corners, which keep their colours.
      light *= 4 * Math.sqrt(u * (1 - u) * v * (1 - v));
      for (let i = 0; i < 3; i++) {
        const top = (a?.[i] ?? 0) * (1 - u) + (b?.[i] ?? 0) * u;
        const bottom = (c?.[i] ?? 0) * (1 - u) + (d?.[i] ?? 0) * u;
        data[at++] = Math.max(0, Math.min(255, top * (1 - v) + bottom * v + light));
      }
      if (alpha) data[at++] = u + v < 1 ? 255 : 96;
    }
  }
  return sharp(data, { raw: { width, height, channels } });
}

const rgb = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

const halved = async (whole: Promise<Buffer>) => (await whole).subarray(0, ((await whole).length / 2) | 0);

/** Small test images by name, valid and invalid. */
export const fixtures = {
  "photo.jpg": () => photo({ width: 800, height: 600 }), // generated
  "phone.jpg": () => photo({ width: 800, height: 600, orientation: 6, exif: phoneExif }), // generated; stored on its side
  "progressive.jpg": () => photo({ width: 800, height: 600, progressive: true }), // generated
  "p3.jpg": () => photo({ width: 800, height: 600, profile: "p3" }), // generated
  "alpha.png": () => photo({ width: 640, height: 480, format: "png", alpha: true }), // generated
  "photo.webp": () => photo({ width: 640, height: 480, format: "webp" }), // generated
  "photo.avif": () => photo({ width: 640, height: 480, format: "avif" }), // generated
  "photo.gif": () => photo({ width: 320, height: 240, format: "gif" }), // generated
  "tiny.png": () => photo({ width: 1, height: 1, format: "png" }), // generated
  "truncated.jpg": () => halved(photo({ width: 800, height: 600 })), // generated, then cut in half
  "text.jpg": async () => Buffer.from("This is not an image, in spite of its name.\n"), // by hand
  "svg.png": async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), // by hand
  "empty.jpg": async () => Buffer.alloc(0), // by hand
} as const satisfies Record<string, () => Promise<Buffer>>;
