/** Adding a variant is one edit, of the recipe: types, document and output follow. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { photo } from "@image-pipeline/core/fixture";
import ts from "typescript";
import { expect, test } from "vitest";
import { edited, recipeFile } from "./recipe-edit.fixture.ts";

const fixture = fileURLToPath(new URL("./recipe-edit.fixture.ts", import.meta.url));
const root = fileURLToPath(new URL("../../../../", import.meta.url));

/** Returns the compiler's errors for an app that uses the variant `banner`. */
function faultsOf(recipe: string): string[] {
  const app = join(root, "packages/client/src/banner.ts");
  const files = new Map([
    [fileURLToPath(recipeFile), recipe],
    [
      app,
      `import type { Image } from "./types.ts";
       export const shown = ({ variants }: Image): [string?, number?] =>
         [variants?.banner?.url, variants?.banner?.formats?.avif?.bytes];`,
    ],
  ]);
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile: read, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? read(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram([app], { ...options, noEmit: true }, host);
  return [...program.getSemanticDiagnostics(program.getSourceFile(app))].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, "\n"),
  );
}

test("an app that shows the new variant compiles, and did not before", async () => {
  const recipe = await readFile(recipeFile, "utf8");
  expect(faultsOf(recipe)[0]).toMatch(/'banner' does not exist/);
  expect(faultsOf(edited(recipe))).toEqual([]);
}, 120_000);

test("the API's document names it", () => {
  const printed = execFileSync(process.execPath, [fixture], { encoding: "utf8", env: process.env });
  const { properties } = JSON.parse(printed);
  expect(properties.banner).toEqual({ $ref: "#/components/schemas/Variant" });
  expect(Object.keys(properties)).toEqual(["banner", "thumbnail", "small", "medium", "large"]);
});

test("every new picture has it, in each of its formats", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "recipe-edit-"));
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("../../../local/src/main.ts", import.meta.url))],
    {
      // Inherited by the processor's child processes.
      env: {
        PATH,
        HOME,
        DATA_DIR: dataDir,
        PORT: "0",
        S3_PORT: "0",
        DYNAMODB_PORT: "0",
        TRASH_DAYS: "0",
        NODE_OPTIONS: `--import ${fixture}`,
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  try {
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      printed += part;
    });
    while (!printed.includes("Ctrl-C stops it")) {
      await Promise.race([
        once(child.stdout, "data"),
        once(child, "exit").then(() => Promise.reject(printed)),
      ]);
    }
    const url = /API +(http:\/\/[\d.:]+)/.exec(printed)?.[1] ?? "";
    const bytes = await photo({ width: 2000, height: 1500 });
    const announced = await fetch(`${url}/images`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ filename: "a.jpg", contentType: "image/jpeg", bytes: bytes.length }),
    });
    const { id, upload } = await announced.json();
    await fetch(upload.url, { method: "PUT", headers: upload.headers, body: new Uint8Array(bytes) });
    const image = await (await fetch(`${url}/images/${id}?wait=20`)).json();
    expect(image.status).toBe("ready");
    const { banner, large } = image.variants;
    expect(banner).toMatchObject({ width: 1600, height: 400, format: "jpeg", contentType: "image/jpeg" });
    expect(banner.url).toBe(banner.formats.jpeg.url);
    expect(large.formats).toBeUndefined();
    for (const format of ["avif", "webp", "jpeg"]) {
      const { url, bytes, contentType } = banner.formats[format];
      const file = await fetch(url);
      expect([file.status, file.headers.get("content-type")]).toEqual([200, contentType]);
      expect((await file.arrayBuffer()).byteLength).toBe(bytes);
    }
    // Deletion removes every format.
    await fetch(`${url}/images/${id}`, { method: "DELETE" });
    await expect
      .poll(
        async () => {
          const files = Object.values<{ url: string }>(banner.formats);
          return Promise.all(files.map(async (file) => (await fetch(file.url)).status));
        },
        { timeout: 20_000 },
      )
      .toEqual([404, 404, 404]);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}, 60_000);
