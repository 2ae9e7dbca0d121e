/** The npm package of the client, packed and installed outside the repository. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { installClient, printed, root, run } from "./package.fixture.ts";

const bin = (name: string) => join(root, "node_modules/.bin", name);

let app: string;
let tarball: string;
let cloud: TestCloud;

beforeAll(async () => {
  ({ app, tarball } = await installClient());
  cloud = await startTestCloud();
}, 180_000);

afterAll(async () => {
  await cloud?.stop();
  await rm(app, { recursive: true });
});

test("publint finds nothing to improve", async () => {
  const { messages } = await publint({ pkgDir: join(root, "packages/client/dist"), strict: true });
  expect(messages).toEqual([]);
});

test("every entry resolves with its types for ESM and for bundlers", async () => {
  const attw = await run(bin("attw"), [tarball, "--profile", "esm-only", "--format", "json"]);
  const { analysis, problems } = JSON.parse(attw.stdout);
  expect(Object.keys(analysis.entrypoints)).toEqual(
    expect.arrayContaining([".", "./placeholder", "./show", "./uploads"]),
  );
  // A CommonJS module loads ESM by `import()`, or by `require` since Node 20.19.
  const { CJSResolvesToESM: _, ...others } = problems ?? {};
  expect(others).toEqual({});
}, 60_000);

test("the package is published with provenance, and the workspace with its sources is not", async () => {
  const published = JSON.parse(await readFile(join(root, "packages/client/dist/package.json"), "utf8"));
  expect(published).toMatchObject({ sideEffects: false, publishConfig: { provenance: true } });
  expect(published).not.toHaveProperty("private");
  const workspace = JSON.parse(await readFile(join(root, "packages/client/package.json"), "utf8"));
  expect(workspace).toMatchObject({ private: true });
});

test("the declarations import nothing of the server and type an image", async () => {
  const folder = join(app, "node_modules/@image-pipeline/client");
  const declarations = (await readdir(folder)).filter((name) => name.endsWith(".d.ts"));
  for (const name of declarations) {
    const text = await readFile(join(folder, name), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) expect(from).toMatch(/^\.\//);
  }
  const code = `
    import { ClientError, createClient, type Code, type Image } from "@image-pipeline/client";
    import { thumbhashURL } from "@image-pipeline/client/placeholder";
    import { srcset } from "@image-pipeline/client/show";
    const { images } = createClient({ baseUrl: "http://127.0.0.1" });
    const image: Image = await images.get("x");
    export const urls: string[] = [image.id, srcset(image), image.variants?.thumbnail?.url ?? ""];
    export const code: Code = new ClientError("image_not_found", "").code;
    export const placeholder = thumbhashURL;
    // @ts-expect-error An image is not \`any\`.
    image.nonsense;
    // @ts-expect-error A status is one of a closed set.
    if (image.status === "nonsense") throw image;
  `;
  await writeFile(join(app, "types.ts"), code);
  for (const resolution of ["nodenext", "bundler"]) {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--module", module, "--moduleResolution", resolution, "--lib", "es2022,dom"];
    const strict = ["--noEmit", "--strict", "--target", "es2022", "types.ts"];
    const checked = await run(bin("tsc"), [...options, ...strict], { cwd: app }).catch((error) => error);
    expect(checked.stdout, resolution).toBe("");
  }
}, 120_000);

test("uploads an image from Node and reads its variants", async () => {
  const { stdout } = await run(process.execPath, ["upload.mjs", cloud.url], { cwd: app });
  expect(stdout.trim()).toBe(printed);
}, 60_000);

test("Vite bundles what a page imports and leaves out the rest", async () => {
  await mkdir(join(app, "page"));
  const script = `import { isFinal } from "@image-pipeline/client"; console.log(isFinal({ status: "ready" }));`;
  await writeFile(join(app, "page/index.html"), `<script type="module" src="./main.js"></script>`);
  await writeFile(join(app, "page/main.js"), script);
  await build({ root: join(app, "page"), configFile: false, logLevel: "error" });
  const [asset = ""] = await readdir(join(app, "page/dist/assets"));
  const bundled = await readFile(join(app, "page/dist/assets", asset), "utf8");
  expect(bundled).toContain("rejected");
  expect(bundled).not.toContain("idempotency");
}, 60_000);
