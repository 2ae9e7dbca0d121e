/** Encodes variants: crops a raster and writes it in each format. */

import type { Settings } from "../settings.ts";
import { Check } from "./check.ts";
import { Crop } from "./crop.ts";
import { Effects } from "./effects.ts";
import type { Original } from "./original.ts";
import type { Size } from "./plan.ts";
import { Quality } from "./quality.ts";
import { encodings, isChanged, isLazy, type Recipe, type Spec } from "./recipe.ts";
import {
  asRejection,
  type Clock,
  failOn,
  finish,
  isWhole,
  open,
  type Raster,
  rasterOf,
  type Sharp,
  sharp,
} from "./sharp.ts";

/**
 * An encoded file in memory. `quality` is the encoder's setting where it was predicted; absent for a lossless file.
 * `similarity` is the MS-SSIM to the pixels that were encoded, where it was checked.
 */
export type File = {
  format: Recipe.Format;
  extension: string;
  quality?: number;
  similarity?: number;
  bytes: Buffer;
};

/** An image's own wishes: the part that crops keep, and the formats whose predicted qualities are checked. */
export type Wishes = Crop.Subject & { check?: readonly string[] };

/** A variant in each of its formats, the most widely supported first. */
export type Files = [File, ...File[]];

/** File name extensions of the formats. */
export const extensions = { webp: "webp", jpeg: "jpg", avif: "avif" } as const;

/** Crops a variant from a raster and encodes it in each of its formats, the most widely supported first. */
export async function encode(
  raster: Raster,
  size: Size,
  spec: Spec,
  { upright, header }: Pick<Original, "upright" | "header">,
  clock: Clock,
  { check = [], ...subject }: Wishes = {},
): Promise<Files> {
  const whole = isWhole(size, raster);
  const clean = lossless.includes(header.format);
  let cut = raster;
  // Once for all formats: finding the attention region costs more than the crop.
  const corner = spec.crop === "focus" ? Crop.around(raster, size, subject) : undefined;
  const attends = spec.crop === "attention" || (spec.crop === "focus" && !corner);
  if (!whole && attends) {
    const position = sharp.strategy.attention;
    cut = await rasterOf(open(raster).resize(size.width, size.height, { fit: "cover", position }), clock);
  }
  let area = {
    ...(cut === raster && !whole ? (corner ?? middle(raster, size)) : { left: 0, top: 0 }),
    ...size,
  };
  const changed = isChanged(spec);
  if (changed) {
    cut = await Effects.apply(cut, area, spec, clock);
    area = { left: 0, top: 0, ...size };
  }
  const icon = clean && isWhole(upright, raster) && areaOf(raster) <= iconArea;
  const drawn = icon || (clean && isDrawn(changed ? cut : raster));
  const settingOf = Quality.predictor(cut, area);
  const image = open(cut);
  if (!isWhole(size, cut)) image.extract(area);
  const exact = drawn ? await withoutLoss(image, { size, spec, icon }, clock) : undefined;
  const write = async (format: Recipe.Format): Promise<File> => {
    if (exact && format === "webp") return exact;
    const wanted = qualityOf(spec, format, drawn);
    const quality = settingOf(wanted, format);
    const { data: bytes } = await finish(encoded(image.clone(), format, spec, quality, drawn), clock);
    if (exact && isReplaced(spec, format) && exact.bytes.length <= bytes.length * drawingRatioMax)
      return exact;
    const isChecked = typeof wanted === "object" && check.includes(format);
    const similarity = isChecked ? await Check.similarity(cut, area, bytes, clock) : undefined;
    const file = { format, extension: extensions[format], ...predicted(wanted, quality), bytes };
    return similarity === undefined ? file : { ...file, similarity };
  };
  const [first, ...rest] = widelyKnown.filter((format) => spec.formats.includes(format));
  if (!first) throw new Error("A variant of the recipe has no format.");
  const files: Files = [await write(first)];
  for (const format of rest) {
    const file = await write(format);
    if (!files.includes(file)) files.push(file);
  }
  return files;
}

/**
 * Encodes a drawing as lossless WebP, or nearly lossless where a perceptual quality is asked for (SSIMULACRA2 of 89 to
 * 97 in three quarters of the bytes): with loss, WebP halves the resolution of colours, so that coloured text reaches no
 * high score at any setting. Returns undefined if the file would be large, as for a photo within a screenshot, and if
 * the variant has neither WebP nor AVIF.
 */
async function withoutLoss(
  image: Sharp,
  { size, spec, icon }: { size: Size; spec: Spec; icon: boolean },
  clock: Clock,
): Promise<File | undefined> {
  if (!spec.formats.some((format) => format === "webp" || isReplaced(spec, format))) return undefined;
  const near = typeof spec.quality === "object" && !icon;
  const how = near ? { nearLossless: true, quality: 60 } : { lossless: true };
  const { data: bytes } = await finish(image.clone().webp({ ...how, effort: 4 }), clock);
  const most = areaOf(size) * (near ? 3 / 16 : 1 / 8);
  return icon || bytes.length <= most ? { format: "webp", extension: extensions.webp, bytes } : undefined;
}

/**
 * Returns true if the WebP without loss may take the place of this format: of AVIF where a score is asked for. The URL
 * of a lazy AVIF names its format.
 */
const isReplaced = (spec: Spec, format: Recipe.Format) =>
  format === "avif" && typeof spec.quality === "object" && !isLazy(spec, format);

/**
 * Most bytes of the WebP without loss that takes the place of an AVIF, by the AVIF's. Screenshots and charts need up to
 * 2.5 times its bytes, flat art with gradients up to 30 times, though AVIF shows it well.
 */
const drawingRatioMax = 2.5;

/**
 * Encodes every frame, with its delay, as one WebP. Crops around the subject, or else the centre: libvips finds the
 * attention region of still images only. The quality is predicted from the first frame that shows something, `raster`.
 */
export async function animate(
  { bytes }: Original,
  raster: Raster,
  size: Size,
  spec: Spec,
  { pixelsMax, animatedPixelsMax }: Settings.Pipeline,
  clock: Clock,
  subject: Crop.Subject = {},
): Promise<Files> {
  const limitInputPixels = Math.max(pixelsMax, animatedPixelsMax);
  const image = sharp(bytes, { failOn, limitInputPixels, animated: true });
  const corner = spec.crop === "focus" ? Crop.around(raster, size, subject) : undefined;
  if (corner) image.resize(raster.width, raster.height, { fit: "fill" }).extract({ ...corner, ...size });
  else image.resize(size.width, size.height, { fit: "cover" });
  const area = { ...(corner ?? middle(raster, size)), ...size };
  const wanted = qualityOf(spec, "webp");
  const quality = Quality.predictor(raster, area)(wanted, "webp");
  const { data } = await asRejection(finish(encoded(image, "webp", spec, quality), clock));
  return [{ format: "webp", extension: extensions.webp, ...predicted(wanted, quality), bytes: data }];
}

/** Formats by client support, widest first. */
export const widelyKnown = ["jpeg", "webp", "avif"] as const satisfies readonly Recipe.Format[];

/** The setting, unless the recipe names it: in every record it would cost three write units. */
const predicted = (wanted: Recipe.Quality, quality: number) =>
  typeof wanted === "object" ? { quality } : undefined;

/** Least score of a drawing that is encoded with loss: its text suffers first. */
const drawingScore = 80;

function qualityOf({ quality, encode = {} }: Spec, format: Recipe.Format, drawn = false): Recipe.Quality {
  const wanted = quality ?? { ...encodings[format], ...encode[format] }.quality;
  if (typeof wanted === "number" || !drawn) return wanted;
  return { ssimulacra2: Math.max(wanted.ssimulacra2, drawingScore) };
}

/** `drawn` keeps as much of the colours' resolution as the format has; AVIF has all of it anyway. */
function encoded(
  image: Sharp,
  format: Recipe.Format,
  { encode = {} }: Spec,
  quality: number,
  drawn = false,
): Sharp {
  switch (format) {
    case "webp":
      return image.webp({ ...encodings.webp, ...encode.webp, quality, smartSubsample: drawn });
    case "avif":
      return image.avif({ ...encodings.avif, ...encode.avif, quality });
    case "jpeg":
      return image.flatten({ background: "#ffffff" }).jpeg({
        quality,
        quantisationTable: 3,
        chromaSubsampling: drawn ? "4:4:4" : "4:2:0",
      });
  }
}

const middle = (outer: Size, inner: Size) => ({
  left: Math.floor((outer.width - inner.width) / 2),
  top: Math.floor((outer.height - inner.height) / 2),
});

/** Formats in which drawings are stored without noise. White around a product in a JPEG is not what makes a drawing. */
const lossless: readonly string[] = ["png", "gif", "webp", "tiff"];

/** Icons and pixel art, in pixels: up to 128 × 128. Without loss the worst of them, all noise, has 50 KB. */
const iconArea = 16_384;

const areaOf = ({ width, height }: Size) => width * height;

/**
 * Returns whether an image is drawn: screenshots, charts, icons and pixel art, in which most pixels equal the one to
 * their left; photos have fewer than a tenth. Every eighth row is looked at. On drawings WebP without loss takes a
 * fifth to a half of the bytes of quality 80, and keeps the colours of thin lines (docs/decisions.md).
 */
function isDrawn({ pixels, width, height, channels }: Raster): boolean {
  let equal = 0;
  let seen = 0;
  for (let y = 0; y < height; y += 8) {
    const end = (y + 1) * width * channels;
    for (let at = y * width * channels + channels; at < end; at += channels) {
      seen++;
      const isEqual =
        pixels[at] === pixels[at - channels] &&
        pixels[at + 1] === pixels[at + 1 - channels] &&
        pixels[at + 2] === pixels[at + 2 - channels];
      if (isEqual) equal++;
    }
  }
  return equal > seen / 2;
}
