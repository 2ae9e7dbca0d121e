/** The gallery at `/`: built by Vite on the first request, and again after its sources have changed. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serveStatic } from "@hono/node-server/serve-static";
import { pageHeaders } from "@image-pipeline/web/headers";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { etag } from "hono/etag";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = join(root, "packages/web");
const dist = join(folder, "dist");

/** Files and folders that a build depends on. */
const sources = ["packages/web/src", "packages/web/index.html", "packages/web/vite.config.ts"]
  .concat(["packages/client/src", "package-lock.json"])
  .map((path) => join(root, path));

/** Serves the page and its assets. `store` and `media` are the origins of uploads and of variants. */
export function createGallery(origins: { store: string; media: string }): Hono {
  const headers = pageHeaders(origins);
  let building: Promise<void> | undefined;
  const app = new Hono();
  const files = serveStatic({ root: folder, rewriteRequestPath: (path) => join("dist", path) });
  const file =
    (cacheControl: string): MiddlewareHandler =>
    (c, next) => {
      const all = { ...headers, "cache-control": cacheControl, vary: "Accept-Encoding" };
      for (const [name, value] of Object.entries(all)) c.header(name, value);
      return files(c, next);
    };
  // As the CDN, whose site has this URL.
  app.get("/assets", (c) => c.redirect("/"));
  app.get("/assets/", (c) => c.redirect("/"));
  app.use("/", etag());
  app.use("/assets/*", etag());
  app.get(
    "/",
    async (c, next) => {
      building ??= buildPage().finally(() => {
        building = undefined;
      });
      try {
        await building;
      } catch (error) {
        console.warn(`The gallery could not be built: ${error instanceof Error ? error.message : error}`);
        return c.text("The gallery could not be built; the terminal shows why. The API works.\n", 503);
      }
      return await next();
    },
    file("no-cache"),
    missing,
  );
  app.get("/assets/licenses.md", file("no-cache"), missing);
  // The names of all other assets contain a hash of their content.
  app.get("/assets/*", file("public, max-age=31536000, immutable"), missing);
  return app;
}

const missing = (c: Context) => c.text("There is no such file.\n", 404, { "cache-control": "no-store" });

/** Builds the page into `packages/web/dist` unless the build there is newer than all its sources. Throws Vite's error. */
export async function buildPage(): Promise<void> {
  if (await isFresh()) return;
  // Built in a folder next to `dist` and renamed: two processes may build at once.
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

/** Returns the time of the last change to a file or to anything in a folder, in ms since 1970; 0 if it is missing. */
async function newestOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  const names = await readdir(path);
  return Math.max(found.mtimeMs, ...(await Promise.all(names.map((name) => newestOf(join(path, name))))));
}
