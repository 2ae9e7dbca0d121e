/** The npm packages, packed and installed outside the repository. */
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

/** Builds and packs workspaces into `folder`. Returns the paths of the tarballs. */
export async function pack(folder: string, workspaces: readonly string[]): Promise<string[]> {
  const tarballs: string[] = [];
  for (const workspace of workspaces) {
    await run("npm", ["run", "build", "--workspace", `@image-pipeline/${workspace}`], { cwd: root });
    const packed = await run("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: join(root, "packages", workspace, "dist"),
    });
    tarballs.push(join(folder, JSON.parse(packed.stdout)[0].filename));
  }
  return tarballs;
}

/** Installs packages into the folder of an app, without running scripts of packages. */
export async function install(app: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(app, "package.json"), JSON.stringify({ type: "module", private: true }));
  const options = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
  await run("npm", ["install", ...options, ...packages], { cwd: app });
}

/**
 * Packs the workspaces and installs the tarballs and `others` into a new folder, which has `upload.mjs` and its photo.
 */
export async function installPackages(
  workspaces: readonly string[],
  others: readonly string[] = [],
): Promise<{ app: string; tarballs: string[] }> {
  const app = await mkdtemp(join(tmpdir(), "client-package-"));
  const tarballs = await pack(app, workspaces);
  await install(app, [...tarballs, ...others]);
  await writeFile(join(app, "photo.jpg"), await sharp({ create }).jpeg().toBuffer());
  await writeFile(join(app, "upload.mjs"), script);
  return { app, tarballs };
}
