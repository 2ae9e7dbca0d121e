/** Programs and packages that make the same variants, each in its own process. */
import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cpuOfChildren, has } from "../measure.ts";

/** A file to make from each original: a variant in one format. */
export type Output = {
  name: string;
  width: number;
  height?: number;
  fit: "cover" | "inside";
  format: "webp" | "jpeg";
  quality: number;
  effort: number;
};

/** `run` makes all outputs of all files and returns the CPU of each file in milliseconds. */
export type Peer = {
  name: string;
  /** Takes seconds per image: runs once, on two of them. */
  slow?: boolean;
  run(files: readonly string[], outputs: readonly Output[]): Promise<number[]>;
};

/** A peer that was not found, where it was searched and how to install it. */
export type Missing = { name: string; why: string };

const run = promisify(execFile);

/** The engine. */
export const ours: Peer = node("engine", "engine");
/** One sharp pipeline per variant. */
export const sharpAlone: Peer = node("sharp, a pipeline each", "sharp");

/** Returns all peers that are installed, and those that are missing. */
export function findPeers(): { peers: Peer[]; missing: Missing[] } {
  const peers: Peer[] = [];
  const missing: Missing[] = [];
  const debian = (
    name: string,
    pack: string,
    candidates: string[],
    args: string[],
    make: (path: string) => Peer,
  ) => {
    const path = candidates.find((candidate) => has(candidate, ...args));
    if (path) peers.push(make(path));
    else missing.push({ name, why: `not found: ${candidates.join(", ")}; apt-get install ${pack}` });
  };
  debian("vipsthumbnail", "libvips-tools", ["vipsthumbnail"], ["--version"], vipsthumbnail);
  debian(
    "Pillow",
    "python3-pil",
    ["python3", "/usr/bin/python3"],
    ["-c", "from PIL import features; assert features.check('webp')"],
    pillow,
  );
  debian("ImageMagick", "imagemagick", ["/usr/bin/convert", "magick", "convert"], ["-version"], imageMagick);
  try {
    const dir = installed();
    peers.push(node("@napi-rs/image", "napi", dir), { ...node("jimp", "jimp", dir), slow: true });
  } catch (error) {
    const why = `npm install in bench/peers failed: ${String(error).split("\n")[0]}`;
    missing.push({ name: "@napi-rs/image", why }, { name: "jimp", why });
  }
  return { peers, missing };
}

/** Installs the peers from npm in a temporary folder, once, and returns it. */
function installed(): string {
  const dir = join(tmpdir(), "image-pipeline-peers");
  const list = new URL("package.json", import.meta.url);
  const there = join(dir, "package.json");
  const same = existsSync(there) && readFileSync(there, "utf8") === readFileSync(list, "utf8");
  if (same && existsSync(join(dir, "node_modules/jimp"))) return dir;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  cpSync(list, there);
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], {
    cwd: dir,
    stdio: "ignore",
  });
  return dir;
}

function node(name: string, way: string, dir = ""): Peer {
  const script = new URL("node.ts", import.meta.url).pathname;
  return {
    name,
    async run(files, outputs) {
      const env = { ...process.env, PEERS_DIR: dir };
      const { stdout } = await run(process.execPath, [script, way, JSON.stringify(outputs), ...files], {
        env,
      });
      return JSON.parse(stdout);
    },
  };
}

function pillow(python: string): Peer {
  const script = new URL("pillow.py", import.meta.url).pathname;
  const version = execFileSync(python, ["-c", "import PIL; print(PIL.__version__)"]).toString().trim();
  return {
    name: `Pillow ${version}`,
    async run(files, outputs) {
      return JSON.parse((await run(python, [script, JSON.stringify(outputs), ...files])).stdout);
    },
  };
}

/** One process per output with all files, on one thread like the engine. */
function vipsthumbnail(program: string): Peer {
  const version = execFileSync(program, ["--version"]).toString().trim().replace("vips-", "");
  return {
    name: `vipsthumbnail ${version}`,
    run: (files, outputs) =>
      measured(files, async (dir) => {
        for (const { name, width, height, fit, format, quality, effort } of outputs) {
          const options =
            format === "webp"
              ? `[Q=${quality},effort=${effort},strip]`
              : `[Q=${quality},optimize-coding,strip]`;
          const how =
            fit === "cover"
              ? ["--size", `${width}x${height}`, "--smartcrop", "centre"]
              : ["--size", `${width}x>`];
          await run(program, [...files, ...how, "-o", `${dir}/%s-${name}.${format}${options}`], {
            env: { ...process.env, VIPS_CONCURRENCY: "1" },
          });
        }
      }),
  };
}

/** One process per file, all outputs from one decode, with a size hint for the JPEG decoder. */
function imageMagick(program: string): Peer {
  const version = /ImageMagick (\S+)/.exec(execFileSync(program, ["-version"]).toString())?.[1];
  return {
    name: `ImageMagick ${version}`,
    run: (files, outputs) =>
      measured(files, async (dir) => {
        const largest = Math.max(...outputs.map(({ width }) => width));
        for (const file of files) {
          const each = outputs.flatMap(({ name, width, height, fit, format, quality, effort }) => [
            "(",
            "+clone",
            ...(fit === "cover"
              ? ["-thumbnail", `${width}x${height}^`, "-gravity", "center", "-extent", `${width}x${height}`]
              : ["-thumbnail", `${width}x>`]),
            ...["-quality", String(quality), "-define", `webp:method=${effort}`],
            ...["-write", `${dir}/${name}.${format}`, "+delete", ")"],
          ]);
          const hint = ["-define", `jpeg:size=${largest}x${largest}`, "-limit", "thread", "1"];
          await run(program, [...hint, file, "-auto-orient", ...each, "null:"]);
        }
      }),
  };
}

/** Measures the CPU of the programs that `work` runs, divided evenly among the files. */
async function measured(files: readonly string[], work: (dir: string) => Promise<void>): Promise<number[]> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const before = cpuOfChildren();
    await work(dir);
    return files.map(() => (cpuOfChildren() - before) / files.length);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
