/**
 * What the benchmarks work on: real photos where Debian's wallpaper packages are installed (`apt-get install
 * plasma-workspace-wallpapers gnome-backgrounds mate-backgrounds lomiri-wallpapers-20.04`), generated ones elsewhere.
 * Resized to a camera's size and saved with a camera's settings.
 */
import { existsSync, readFileSync } from "node:fs";
import sharp from "sharp";
import { type Photo, photo } from "../packages/core/src/fixture.ts";

const wallpapers = [
  "/usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg", // lomiri-wallpapers-20.04, 20 MP, a bird
  "/usr/share/backgrounds/Infinite-Sea_by_Aury88.jpg", // lomiri-wallpapers-20.04, 17 MP, water
  "/usr/share/backgrounds/mate/abstract/Elephants_5640x3172.jpg", // mate-backgrounds, 18 MP, fine texture
  "/usr/share/wallpapers/Volna/contents/images/5120x2880.jpg", // plasma-workspace-wallpapers, 15 MP
  "/usr/share/wallpapers/ColorfulCups/contents/images/2560x1600.jpg", // plasma-workspace-wallpapers, 4 MP
  "/usr/share/wallpapers/Autumn/contents/images/2560x1600.jpg", // plasma-workspace-wallpapers, 4 MP
  "/usr/share/backgrounds/mate/nature/TwoWings.jpg", // mate-backgrounds, 4 MP, a butterfly
  "/usr/share/backgrounds/mate/nature/RainDrops.jpg", // mate-backgrounds, 2 MP
];

/** Which pictures `photos` will use, in words. */
export function provenance(): string {
  const found = wallpapers.filter((path) => existsSync(path)).length;
  return found > 0 ? `${found} photos from Debian's wallpaper packages` : "4 generated photos";
}

/** Photos of `megapixels` at 4:3 as a phone would save them: JPEG, quality 92, 4:2:0. */
export async function photos(
  megapixels: number,
  options: Pick<Photo, "progressive" | "profile"> & { most?: number } = {},
): Promise<Buffer[]> {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const height = Math.round((width * 3) / 4);
  const { most = wallpapers.length, progressive = false, profile } = options;
  const found = wallpapers.filter((path) => existsSync(path)).slice(0, most);
  if (found.length === 0) {
    const seeds = [1, 2, 3, 4].slice(0, most);
    return Promise.all(seeds.map((seed) => photo({ width, height, seed, progressive, profile })));
  }
  const out: Buffer[] = [];
  for (const path of found) {
    const picture = sharp(readFileSync(path)).resize(width, height, { fit: "cover" }).removeAlpha();
    if (profile) picture.withIccProfile(profile);
    out.push(await picture.jpeg({ quality: 92, chromaSubsampling: "4:2:0", progressive }).toBuffer());
  }
  return out;
}
