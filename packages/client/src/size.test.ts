import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

/** All that a web app can use of the client. */
const everything = `
  export * from "./client.ts";
  export * from "./show.ts";
  export * from "./placeholder.ts";
`;

test("the whole client is under 6 KB gzipped and needs nothing at run time", async () => {
  const { outputFiles, metafile } = await build({
    absWorkingDir: import.meta.dirname,
    stdin: { contents: everything, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    metafile: true,
  });
  const foreign = Object.keys(metafile.inputs).filter((path) => path.includes("/"));
  expect(foreign).toEqual([]);
  const [file] = outputFiles;
  const bytes = gzipSync(file?.contents ?? "", { level: 9 }).length;
  expect(bytes, `${bytes} bytes`).toBeLessThan(6000);
  expect(bytes).toBeGreaterThan(1000);
});
