/**
 * Tiny images of one colour each, so that a variant shows which upload it was made from. Blue ones become lighter to the
 * right, so that their perceptual hash is not that of the others.
 */
import { createHash } from "node:crypto";
import sharp from "sharp";

/**
 * A file to upload. A file without a colour is bad and must be rejected. `etag` is the MD5 that S3 gives it; both hashes
 * are in hex.
 */
export type File = { name: string; bytes: Buffer; etag: string; sha256: string; color?: Color };
type Color = readonly [red: number, green: number, blue: number];

const colors: Record<string, Color> = {
  red: [208, 40, 32],
  green: [48, 176, 64],
  blue: [40, 72, 200],
  sand: [224, 208, 160],
};

/** Width and height of a good file in pixels. */
const side = 8;

/** Lossy encoding moves a flat colour by a few steps. These four are over a hundred apart. */
const nearMax = 40;

/** `BYTES_MAX` of the simulation. One file has more. */
export const bytesMax = 20_000;

/** Makes four good files of 8 × 8 pixels, one that is not an image, one that is truncated, and one that is too large. */
export async function makeFiles(): Promise<File[]> {
  const good = await Promise.all(
    Object.entries(colors).map(async ([name, color]) => {
      const [r, g, b] = color;
      const slope = name === "blue" ? 3 : 0;
      const row = Array.from({ length: side }, (_, x) =>
        [r, g, b].map((each) => each + slope * (x - side / 2)),
      );
      const pixels = Buffer.from(Array.from({ length: side }, () => row).flat(2));
      const raw = { width: side, height: side, channels: 3 } as const;
      return fileOf(name, await sharp(pixels, { raw }).jpeg({ quality: 95 }).toBuffer(), color);
    }),
  );
  const cut = good[0]?.bytes.subarray(0, -30) ?? Buffer.alloc(0);
  return [
    ...good,
    fileOf("text", Buffer.from("not an image")),
    fileOf("cut", cut),
    fileOf("large", Buffer.alloc(bytesMax + 1)),
  ];
}

function fileOf(name: string, bytes: Buffer, color?: Color): File {
  const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest("hex");
  return { name, bytes, etag: hash("md5"), sha256: hash("sha256"), color };
}

/** A decoded variant. */
export type Seen = { format: string; width: number; height: number; bytes: number; color: Color };

/** Decodes a variant. Throws if its bytes cannot be decoded. */
export async function look(bytes: Buffer): Promise<Seen> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { format } = await sharp(bytes).metadata();
  const mean = (channel: number) => {
    let sum = 0;
    for (let i = channel; i < data.length; i += info.channels) sum += data[i] ?? 0;
    return sum / (data.length / info.channels);
  };
  return {
    format,
    width: info.width,
    height: info.height,
    bytes: bytes.length,
    color: [mean(0), mean(1), mean(2)],
  };
}

/** Returns true if two colours are equal within the encoder's loss. */
export const isNear = (a: Color, b: Color): boolean =>
  Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) < nearMax;
