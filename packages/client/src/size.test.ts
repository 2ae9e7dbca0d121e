import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

/** Bundles modules of the client for a browser: gzipped bytes, and inputs from outside this folder. */
async function bundle(...modules: string[]) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: import.meta.dirname,
    stdin: {
      contents: modules.map((name) => `export * from "./${name}.ts";`).join("\n"),
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    metafile: true,
  });
  const [file] = outputFiles;
  return {
    bytes: gzipSync(file?.contents ?? "", { level: 9 }).length,
    foreign: Object.keys(metafile.inputs).filter((path) => path.includes("/")),
  };
}

test("the client is under 6 KB gzipped and needs nothing at run time", async () => {
  const { bytes, foreign } = await bundle("client", "show");
  expect(foreign).toEqual([]);
  expect(bytes, `${bytes} bytes`).toBeLessThan(6000);
  expect(bytes).toBeGreaterThan(1000);
});

test("placeholders bring in the thumbhash package and nothing else", async () => {
  const { bytes, foreign } = await bundle("placeholder");
  expect(foreign).toEqual([expect.stringMatching(/node_modules\/thumbhash\/thumbhash\.js$/)]);
  expect(bytes, `${bytes} bytes`).toBeLessThan(2000);
});

test("the mirror is under 4 KB gzipped, in a bundle separate from the client's", async () => {
  const { bytes, foreign } = await bundle("sync");
  expect(foreign.filter((path) => !path.startsWith("mirror/"))).toEqual([]);
  expect(bytes, `${bytes} bytes`).toBeLessThan(4000);
});

test("the upload queue is under 9 KB gzipped, in a bundle separate from the client's", async () => {
  const { bytes, foreign } = await bundle("uploads");
  expect(foreign.filter((path) => !path.startsWith("queue/"))).toEqual([]);
  expect(bytes, `${bytes} bytes`).toBeLessThan(9000);
  expect((await bundle("client", "show")).foreign).toEqual([]);
});
