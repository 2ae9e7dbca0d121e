import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

/** Bundles an entry without React, as an app that has React has it: gzipped bytes, and the packages in it. */
async function bundle(code: string) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: import.meta.dirname,
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react", "react/jsx-runtime"],
    write: false,
    metafile: true,
  });
  const [file] = outputFiles;
  const packages = Object.keys(metafile.inputs).flatMap(
    (path) => /node_modules\/([^/]+)/.exec(path)?.[1] ?? [],
  );
  return { bytes: gzipSync(file?.contents ?? "", { level: 9 }).length, packages: [...new Set(packages)] };
}

test.each([
  ["the components and hooks", 'export * from "./react.ts";', 7_000, ["thumbhash"]],
  ["Picture alone", 'export { Picture } from "./react.ts";', 3_000, ["thumbhash"]],
  ["the hooks for React Native", 'export * from "./native.ts";', 2_400, []],
])("%s stay within their size, gzipped, and bring in no other package", async (_, code, most, packages) => {
  const bundled = await bundle(code);
  expect(bundled.packages).toEqual(packages);
  expect(bundled.bytes, `${bundled.bytes} bytes`).toBeLessThan(most);
  expect(bundled.bytes, `${bundled.bytes} bytes`).toBeGreaterThan(most * 0.8);
});
