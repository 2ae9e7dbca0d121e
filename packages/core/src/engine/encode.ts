/** Encodes variants: crops a raster and writes it in each format. */

import type { Settings } from "../settings.ts";
import type { Original } from "./original.ts";
import type { Size } from "./plan.ts";
import { encodings, type Recipe, type Spec } from "./recipe.ts";
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

/** An encoded file in memory. */
export type File = {
  format: Recipe.Format;
  contentType: string;
  extension: string;
  bytes: Buffer;
};

/** A variant in each of its formats, the most widely supported first. */
export type Files = [File, ...File[]];

const containers = {
  webp: { contentType: "image/webp", extension: "webp" },
  jpeg: { contentType: "image/jpeg", extension: "jpg" },
  avif: { contentType: "image/avif", extension: "avif" },
} as const;

/** Crops a variant from a raster and encodes it in each of its formats, the most widely supported first. */
export async function encode(raster: Raster, size: Size, spec: Spec, clock: Clock): Promise<Files> {
  const whole = isWhole(size, raster);
  let cut = raster;
  // Once for all formats: finding the attention region costs more than the crop.
  if (!whole && spec.crop === "attention") {
    const position = sharp.strategy.attention;
    cut = await rasterOf(open(raster).resize(size.width, size.height, { fit: "cover", position }), clock);
  }
  const write = async (format: Recipe.Format): Promise<File> => {
    const image = open(cut);
    if (cut === raster && !whole) image.extract({ ...middle(raster, size), ...size });
    const { data: bytes } = await finish(encoded(image, format, spec), clock);
    return { format, ...containers[format], bytes };
  };
  const [first, ...rest] = widelyKnown.filter((format) => spec.formats.includes(format));
  if (!first) throw new Error("A variant of the recipe has no format.");
  const files: Files = [await write(first)];
  for (const format of rest) files.push(await write(format));
  return files;
}

/**
 * Encodes every frame, with its delay, as one WebP. Crops the centre: libvips finds the attention region of still
 * images only.
 */
export async function animate(
  { bytes }: Original,
  size: Size,
  spec: Spec,
  { pixelsMax, animatedPixelsMax }: Settings.Pipeline,
  clock: Clock,
): Promise<Files> {
  const limitInputPixels = Math.max(pixelsMax, animatedPixelsMax);
  const image = sharp(bytes, { failOn, limitInputPixels, animated: true });
  image.resize(size.width, size.height, { fit: "cover" });
  const { data } = await asRejection(finish(encoded(image, "webp", spec), clock));
  return [{ format: "webp", ...containers.webp, bytes: data }];
}

/** Formats by client support, widest first. */
const widelyKnown = ["jpeg", "webp", "avif"] as const satisfies readonly Recipe.Format[];

function encoded(image: Sharp, format: Recipe.Format, { encode = {} }: Spec): Sharp {
  switch (format) {
    case "webp":
      return image.webp({ ...encodings.webp, ...encode.webp });
    case "avif":
      return image.avif({ ...encodings.avif, ...encode.avif });
    case "jpeg":
      return image
        .flatten({ background: "#ffffff" })
        .jpeg({ ...encodings.jpeg, ...encode.jpeg, quantisationTable: 3 });
  }
}

const middle = (outer: Size, inner: Size) => ({
  left: Math.floor((outer.width - inner.width) / 2),
  top: Math.floor((outer.height - inner.height) / 2),
});
