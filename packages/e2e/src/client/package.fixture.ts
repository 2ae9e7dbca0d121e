/** The npm package of the client, packed and installed outside the repository. */
import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";

export const run = promisify(execFile);
export const root = join(import.meta.dirname, "../../../..");

const create = { width: 640, height: 480, channels: 3, background: "teal" } as const;

/** Uploads a photo to the API at its argument, and prints the status and the variants. */
const script = `
  import { readFile } from "node:fs/promises";
  import process from "node:process";
  import { createClient } from "@image-pipeline/client";
  const { upload, images } = createClient({ baseUrl: process.argv[2] });
  const { id } = await upload(new File([await readFile("photo.jpg")], "photo.jpg", { type: "image/jpeg" }));
  const { status, variants } = await images.get(id);
  console.log(status, Object.keys(variants).sort().join());
`;

/** The output of the script. */
export const printed = "ready large,medium,small,thumbnail";

/**
 * Builds and packs the client, and installs the tarball and `others` into a new folder, without running scripts of
 * packages. The folder has `upload.mjs` and its photo.
 */
export async function installClient(
  others: readonly string[] = [],
): Promise<{ app: string; tarball: string }> {
  const app = await mkdtemp(join(tmpdir(), "client-package-"));
  await run("npm", ["run", "build", "--workspace", "@image-pipeline/client"], { cwd: root });
  const packed = await run("npm", ["pack", "--json", "--pack-destination", app], {
    cwd: join(root, "packages/client/dist"),
  });
  const tarball = join(app, JSON.parse(packed.stdout)[0].filename);
  await writeFile(join(app, "package.json"), JSON.stringify({ type: "module", private: true }));
  const options = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  await run("npm", ["install", ...options, tarball, ...others], { cwd: app });
  await writeFile(join(app, "photo.jpg"), await sharp({ create }).jpeg().toBuffer());
  await writeFile(join(app, "upload.mjs"), script);
  return { app, tarball };
}
