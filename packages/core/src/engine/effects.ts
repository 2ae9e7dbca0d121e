/** Effects of a variant: a blur of the whole image, then a watermark. */
export * as Effects from "./effects.ts";

import { inflateSync } from "node:zlib";
import type { Size } from "./plan.ts";
import type { Overlay, Spec } from "./recipe.ts";
import { type Clock, finish, isWhole, open, type Raster, rasterOf, sharp } from "./sharp.ts";

/** Least sigma that libvips accepts. A smaller one changes nothing that a person sees. */
const sigmaMin = 0.3;

/** Cuts an area from a raster and applies the effects of a variant to it. */
export async function apply(
  raster: Raster,
  area: Size & { left: number; top: number },
  { blur = 0, overlay }: Pick<Spec, "blur" | "overlay">,
  clock: Clock,
): Promise<Raster> {
  let cut = isWhole(area, raster) ? raster : await rasterOf(open(raster).extract(area), clock);
  const sigma = blur * area.width;
  if (sigma >= sigmaMin) cut = await rasterOf(open(cut).blur(sigma), clock);
  if (overlay && area.width >= (overlay.minWidth ?? 0)) cut = await marked(cut, overlay, clock);
  return cut;
}

async function marked(
  raster: Raster,
  { image, width, gravity = "southeast", opacity = 1 }: Overlay,
  clock: Clock,
): Promise<Raster> {
  const mark = sharp(inflateSync(Buffer.from(image.pixels, "base64")), {
    raw: { width: image.width, height: image.height, channels: 4 },
  });
  const box = { width: Math.max(1, Math.round(raster.width * width)), height: raster.height };
  const { data, info } = await finish(
    mark.resize({ ...box, fit: "inside", withoutEnlargement: true }).raw(),
    clock,
  );
  for (let at = 3; at < data.length; at += 4) data[at] = Math.round((data[at] ?? 0) * opacity);
  const { channels } = info;
  const whole = open(raster).composite([
    { input: data, raw: { width: info.width, height: info.height, channels }, gravity },
  ]);
  return rasterOf(raster.channels === 3 ? whole.removeAlpha() : whole, clock);
}
