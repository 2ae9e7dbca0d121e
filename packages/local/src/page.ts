/**
 * The gallery at `/`. It is built when somebody first looks at it and whenever its sources have changed since, which
 * takes about a second; a build that fails is told of there, and the API goes on.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pageHeaders } from "@image-pipeline/web/headers";
import { endCompressed } from "./compress.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "packages/web");
const dist = join(folder, "dist");

/** All that a build is made from. */
const sources = ["packages/web/src", "packages/web/index.html", "packages/web/vite.config.ts"]
  .concat(["packages/client/src", "package-lock.json"])
  .map((path) => join(root, path));

const types: Record<string, string | undefined> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Whether a request is for the page rather than for the API. */
export function isForPage({ url = "", method }: IncomingMessage): boolean {
  const [path = ""] = url.split("?", 1);
  return (method === "GET" || method === "HEAD") && (path === "/" || path.startsWith("/assets/"));
}

/** Answers requests for the page and its files. `store` and `media` are the origins of uploads and of variants. */
export function pageServer(origins: { store: string; media: string }) {
  const headers = pageHeaders(origins);
  let building: Promise<void> | undefined;
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    if (path === "/") {
      building ??= buildPage().finally(() => {
        building = undefined;
      });
      try {
        await building;
      } catch (error) {
        console.warn(`The gallery could not be built: ${error instanceof Error ? error.message : error}`);
        const text = "The gallery could not be built; the log says why. The API works all the same.\n";
        return send(request, response, 503, Buffer.from(text), {
          "content-type": "text/plain; charset=utf-8",
        });
      }
    }
    // Vite's names hold no other characters, so that no path leads out of the folder.
    const name = path === "/" ? "index.html" : /^\/(assets\/[\w.-]+)$/.exec(path)?.[1];
    const bytes = name === undefined ? undefined : await readFile(join(dist, name)).catch(() => undefined);
    if (!name || !bytes) {
      return send(request, response, 404, Buffer.from("There is no such file.\n"), {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
      });
    }
    await send(request, response, 200, bytes, {
      ...headers,
      "content-type": types[extname(name)] ?? "application/octet-stream",
      // The names of assets change with their content.
      "cache-control": path === "/" ? "no-cache" : "public, max-age=31536000, immutable",
    });
  };
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  bytes: Buffer,
  headers: Record<string, string>,
): Promise<void> {
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  // Weak or strong: a compressed file is the same file.
  const isKnown = status === 200 && request.headers["if-none-match"]?.replace(/^W\//, "") === etag;
  response.statusCode = isKnown ? 304 : status;
  const all = { ...headers, etag, "x-content-type-options": "nosniff" };
  for (const [name, value] of Object.entries(all)) response.setHeader(name, value);
  if (isKnown) response.setHeader("vary", "Accept-Encoding").end();
  else await endCompressed(request, response, bytes);
}

/** Builds the page into `packages/web/dist`, unless what lies there is newer than all that it is made from. */
export async function buildPage(): Promise<void> {
  if (await isFresh()) return;
  // Built beside the old one and then put in its place: two servers may do so at once.
  const made = await mkdtemp(join(folder, "dist-"));
  try {
    const vite = join(
      createRequire(join(folder, "vite.config.ts")).resolve("vite/package.json"),
      "../bin/vite.js",
    );
    const options = ["build", "--outDir", made, "--emptyOutDir", "--logLevel", "error"];
    await promisify(execFile)(process.execPath, [vite, ...options], { cwd: folder, timeout: 60_000 });
    await rm(dist, { recursive: true, force: true });
    await rename(made, dist);
  } catch (error) {
    if (!(await isFresh())) throw error;
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function isFresh(): Promise<boolean> {
  const [built = 0, ...changed] = await Promise.all([join(dist, "index.html"), ...sources].map(newestOf));
  return built > Math.max(...changed);
}

/** When a file, or the newest in a folder of folders, was last written; 0 where there is none. */
async function newestOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  const names = await readdir(path);
  return Math.max(found.mtimeMs, ...(await Promise.all(names.map((name) => newestOf(join(path, name))))));
}
