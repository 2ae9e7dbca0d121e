/**
 * Input images of the benchmarks: photos of Debian's wallpaper packages where these are installed (`apt-get install
 * plasma-workspace-wallpapers gnome-backgrounds mate-backgrounds lomiri-wallpapers-20.04`), otherwise generated ones.
 * Resized to a camera's resolution and saved with a camera's settings.
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

/** Upper bound of the number of photos, for a quick trial. */
const mostOfAll = Number(process.env.BENCH_PHOTOS ?? wallpapers.length);

/** Draws a screenshot of a window with text, icons and a soft shadow: PNG with alpha. */
export async function screenshot(width = 2880, height = 1800): Promise<Buffer> {
  const lines = Array.from({ length: 44 }, (_, i) => {
    const words =
      "const image = await client.images.create({ filename, bytes, contentType }); // a line of code";
    const [size, y] = [10 + (i % 6) * 2, 130 + i * 22];
    const color = ["#24292f", "#0550ae", "#116329", "#cf222e", "#6e7781"][i % 5];
    return `<text x="${60 + (i % 4) * 24}" y="${y}" font-size="${size}" fill="${color}">${words.slice(0, 40 + ((i * 17) % 50))}</text>`;
  });
  const icons = Array.from(
    { length: 12 },
    (_, i) =>
      `<rect x="${980 + (i % 3) * 130}" y="${140 + Math.floor(i / 3) * 150}" width="96" height="96" rx="22" fill="hsl(${i * 30},70%,55%)"/><circle cx="${1028 + (i % 3) * 130}" cy="${188 + Math.floor(i / 3) * 150}" r="26" fill="none" stroke="#fff" stroke-width="3"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 1440 900" font-family="monospace"><filter id="s" x="-10%" y="-10%" width="120%" height="130%"><feGaussianBlur stdDeviation="16"/></filter><rect x="40" y="48" width="1360" height="820" rx="14" opacity=".45" filter="url(#s)"/><rect x="40" y="40" width="1360" height="820" rx="14" fill="#fff"/><path d="M40 54a14 14 0 0 1 14-14h1332a14 14 0 0 1 14 14v46H40z" fill="#e7eaee"/><circle cx="66" cy="70" r="8" fill="#f55"/><circle cx="92" cy="70" r="8" fill="#fb4"/>${lines.join("")}${icons.join("")}</svg>`;
  // The engine blocks the SVG loader.
  sharp.unblock({ operation: ["VipsForeignLoadSvgBuffer"] });
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** Makes an animated GIF of three frames, 800 × 600, 256 colours. */
export async function animation(): Promise<Buffer> {
  const [wide = Buffer.alloc(0)] = await photos(2, { most: 1 });
  const frames = [0, 60, 120].map((left) =>
    sharp(wide).extract({ left, top: left, width: 800, height: 600 }).png().toBuffer(),
  );
  return sharp(await Promise.all(frames), { join: { animated: true } })
    .gif()
    .toBuffer();
}

/** Describes the images that `photos` uses. */
export function provenance(most = wallpapers.length): string {
  const found = wallpapers.filter((path) => existsSync(path)).slice(0, Math.min(most, mostOfAll)).length;
  return found > 0
    ? `${found} ${found > 1 ? "photos" : "photo"} from Debian's wallpaper packages`
    : `${Math.min(4, most, mostOfAll)} generated`;
}

/** Returns photos of `megapixels` at 4:3 with a phone's settings: JPEG, quality 92, 4:2:0. */
export async function photos(
  megapixels: number,
  options: Pick<Photo, "progressive" | "profile"> & { most?: number } = {},
): Promise<Buffer[]> {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const height = Math.round((width * 3) / 4);
  const { progressive = false, profile } = options;
  const most = Math.min(options.most ?? wallpapers.length, mostOfAll);
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
