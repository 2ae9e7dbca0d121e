/**
 * Images of the fit of the quality predictor, none of which is in the repository: photos and art of Debian's packages,
 * which `apt-get download` fetches, and drawings that are rendered here. Run on Debian 12.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { drawings } from "./drawings.ts";

/** Kind of an image: a photo, art with gradients, or a screenshot, chart or page of text. */
export type Kind = "photo" | "art" | "drawing";

/** Image of the corpus. `isHeld` images are kept from the fit, to check it. */
export type Item = { name: string; kind: Kind; isHeld: boolean; read(): Promise<Buffer> };

const photos: Record<string, RegExp> = {
  "lomiri-wallpapers-20.04": /backgrounds\/(Infinite-Sea|Kleiber)/,
  "lomiri-wallpapers-16.04":
    /backgrounds\/(Bridge|Dragonfly|Picture|Wine|aitzgorri|free|friends|greentock|life|picos|seeding|sunset)/,
  "mate-backgrounds": /nature\//,
  "plasma-workspace-wallpapers":
    /\/(BytheWater|ColdRipple|ColorfulCups|DarkestHour|EveningGlow|FallenLeaf|Grey|Kite|OneStandsOut|Path|summer_1am|Volna)\/contents\/images\/(2560x1600|5120x2880)/,
  "lxqt-themes": /wallpapers\/(Butterfly|Valendas|after|apple|beam|butterfly|cloud|drop|flowers|fog|this)/,
};

const art: Record<string, RegExp> = {
  "lomiri-wallpapers-20.04": /backgrounds\/(Fossa|Painting)/,
  "mate-backgrounds": /abstract\/(Elephants_5640|Flow|Silk)|desktop\/(Float|GreenT|.*Dark|.*Cold)/,
  "plasma-workspace-wallpapers":
    /\/(Altai|Autumn|Canopee|Cluster|Elarun|FlyingKonqui|Kay|Kokkini|Opal|PastelHills|SafeLanding|Shell)\/contents\/images\/(5120|38|32|25)/,
  "lxqt-themes": /wallpapers\/(origami-light|plasma-logo-dark|triangles\.|waves-logo)/,
  "ukui-wallpapers": /backgrounds\/(2004|calla|city|desert|firstgen|fluent|goldfish|rollpaper|string)/,
};

/** Resource files of gcompris-qt-data that hold photos, as WebP. */
const resources = [
  "erase",
  "explore_monuments",
  "explore_world_animals",
  "explore_farm_animals",
  "explore_world_music",
];

/** Fetches the packages into `folder` once, and returns all images. */
export function corpus(folder: string): Item[] {
  const root = join(folder, "packages");
  const names = [...new Set([...Object.keys(photos), ...Object.keys(art), "gcompris-qt-data"])];
  for (const name of names) {
    const to = join(root, name);
    if (existsSync(to)) continue;
    mkdirSync(to, { recursive: true });
    execFileSync("apt-get", ["download", name], { cwd: to, stdio: "ignore" });
    for (const file of readdirSync(to)) execFileSync("dpkg-deb", ["-x", file, "."], { cwd: to });
  }
  const found = (wanted: Record<string, RegExp>, kind: Kind): Item[] =>
    Object.entries(wanted).flatMap(([name, pattern]) =>
      readdirSync(join(root, name), { recursive: true, encoding: "utf8" })
        .filter((path) => /\.(jpe?g|png|webp)$/.test(path) && pattern.test(path))
        .map((path) => item(`${name}/${path}`, kind, async () => readFileSync(join(root, name, path)))),
    );
  const cards = join(root, "gcompris-qt-data", "usr/share/gcompris-qt/rcc");
  return [
    ...found(photos, "photo"),
    ...resources.flatMap((name) => photosWithin(name, readFileSync(join(cards, `${name}.rcc`)))),
    ...found(art, "art"),
    ...drawings().map(({ name, read }) => item(name, "drawing", read)),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One image in three is held back, by the hash of its name. */
function item(name: string, kind: Kind, read: Item["read"]): Item {
  const hash = createHash("sha256").update(name).digest();
  return { name, kind, isHeld: (hash[0] ?? 0) % 3 === 0, read };
}

/** Finds the WebP files of a Qt resource file. Three quarters of their size hide the loss that they already have. */
function photosWithin(name: string, resource: Buffer): Item[] {
  const out: Item[] = [];
  for (let at = resource.indexOf("RIFF"); at >= 0; at = resource.indexOf("RIFF", at + 4)) {
    const bytes = resource.subarray(at, at + 8 + resource.readUInt32LE(at + 4));
    if (bytes.toString("latin1", 8, 12) !== "WEBP" || bytes.length < 40_000) continue;
    out.push(
      item(`gcompris/${name}-${out.length}`, "photo", async () => {
        const { width = 0 } = await sharp(bytes).metadata();
        return sharp(bytes)
          .resize(Math.round(width * 0.75))
          .png({ compressionLevel: 1 })
          .toBuffer();
      }),
    );
  }
  return out;
}
