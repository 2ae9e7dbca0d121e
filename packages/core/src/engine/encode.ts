/** Variants as files: cut from a raster and written in each of their formats. */

import type { Settings } from "../settings.ts";
import type { Original } from "./original.ts";
import type { Size } from "./plan.ts";
import { encodings, type Recipe, type Spec } from "./recipe.ts";
import {
  blame,
  type Clock,
  finish,
  isWhole,
  open,
  type Raster,
  rasterOf,
  type Sharp,
  sharp,
} from "./sharp.ts";

/** A file in memory, ready to be stored. */
export type File = {
  format: Recipe.Format;
  contentType: string;
  extension: string;
  bytes: Buffer;
};

/** One picture in each of its formats, the most widely known first. */
export type Files = [File, ...File[]];

const containers = {
  webp: { contentType: "image/webp", extension: "webp" },
  jpeg: { contentType: "image/jpeg", extension: "jpg" },
  avif: { contentType: "image/avif", extension: "avif" },
} as const;

/** Cuts a variant from a raster and writes it in each of its formats, the most widely known first. */
export async function encode(raster: Raster, size: Size, spec: Spec, clock: Clock): Promise<Files> {
  const whole = isWhole(size, raster);
  let cut = raster;
  // Once for all formats: finding what draws the eye costs more than the cut.
  if (!whole && spec.crop === "attention") {
    const position = sharp.strategy.attention;
    cut = await rasterOf(open(raster).resize(size.width, size.height, { fit: "cover", position }), clock);
  }
  const write = async (format: Recipe.Format): Promise<File> => {
    const picture = open(cut);
    if (cut === raster && !whole) picture.extract({ ...middle(raster, size), ...size });
    const { data: bytes } = await finish(encoded(picture, format, spec), clock);
    return { format, ...containers[format], bytes };
  };
  const [first, ...rest] = widelyKnown.filter((format) => spec.formats.includes(format));
  if (!first) throw new Error("The recipe names a variant without a format.");
  const files: Files = [await write(first)];
  for (const format of rest) files.push(await write(format));
  return files;
}

/** Every frame, with its time, as one WebP. Cut from the middle: libvips finds what draws the eye in still pictures only. */
export async function animate(
  { bytes }: Original,
  size: Size,
  spec: Spec,
  { pixelsMax, animatedPixelsMax }: Settings.Pipeline,
  clock: Clock,
): Promise<Files> {
  const limitInputPixels = Math.max(pixelsMax, animatedPixelsMax);
  const picture = sharp(bytes, { failOn: "warning", limitInputPixels, animated: true });
  picture.resize(size.width, size.height, { fit: "cover" });
  const { data } = await blame(finish(encoded(picture, "webp", spec), clock));
  return [{ format: "webp", ...containers.webp, bytes: data }];
}

/** What every client can show comes before what only newer ones can. */
const widelyKnown = ["jpeg", "webp", "avif"] as const satisfies readonly Recipe.Format[];

function encoded(picture: Sharp, format: Recipe.Format, { encode = {} }: Spec): Sharp {
  switch (format) {
    case "webp":
      return picture.webp({ ...encodings.webp, ...encode.webp });
    case "avif":
      return picture.avif({ ...encodings.avif, ...encode.avif });
    case "jpeg":
      return picture
        .flatten({ background: "#ffffff" })
        .jpeg({ ...encodings.jpeg, ...encode.jpeg, quantisationTable: 3 });
  }
}

const middle = (outer: Size, inner: Size) => ({
  left: Math.floor((outer.width - inner.width) / 2),
  top: Math.floor((outer.height - inner.height) / 2),
});
