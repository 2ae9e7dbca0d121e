import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildPage } from "@image-pipeline/local/gallery";
import { expect, test } from "vitest";
import { bundledPackages, idOf, pagePackages, referencePackages, runtimePackages } from "./notices.ts";

const root = join(import.meta.dirname, "../../../..");
const text = readFileSync(join(root, "THIRD-PARTY-NOTICES.md"), "utf8");

/** Rows of all tables: name and version. */
const named = new Set(
  [...text.matchAll(/^\| (\S+) \| (\S+) \|/gm)].map(([, name, version]) => `${name}@${version}`),
);

/** Returns the packages that the notices lack. After a change of dependencies, `npm run notices` adds them. */
const missing = (ids: string[]) => ids.filter((id) => !named.has(id)).map((id) => `${id}: npm run notices`);

test("the notices name every runtime dependency in the installed version", () => {
  const ids = runtimePackages().map(idOf);
  expect(ids).toEqual(
    expect.arrayContaining([expect.stringMatching(/^sharp@/), expect.stringMatching(/^vite@/)]),
  );
  expect(missing(ids)).toEqual([]);
});

test("the notices name every package in a Lambda archive", async () => {
  const ids = await bundledPackages();
  expect(ids).toContainEqual(expect.stringMatching(/^electrodb@/));
  expect(missing(ids)).toEqual([]);
});

test("the notices name every package in the gallery and in the API reference", async () => {
  await buildPage();
  const page = pagePackages(readFileSync(join(root, "packages/web/dist/assets/licenses.md"), "utf8"));
  const reference = referencePackages();
  expect(page).toContainEqual(expect.stringMatching(/^preact@/));
  expect(reference).toContainEqual(expect.stringMatching(/^@vue\/runtime-core@/));
  expect(missing([...page, ...reference])).toEqual([]);
});

test("the notices have the libraries of libvips, and the texts of the LGPL, the GPL and libheif", () => {
  for (const library of ["libvips", "glib", "pango", "librsvg", "aom"])
    expect(text).toMatch(new RegExp(`^\\| ${library} +\\| `, "m"));
  expect(text).toMatch(/^ +GNU LESSER GENERAL PUBLIC LICENSE$/m);
  expect(text).toMatch(/^ +GNU GENERAL PUBLIC LICENSE$/m);
  expect(text).toContain("libde265");
});

test("LICENSE and package.json name the same licence", () => {
  expect(readFileSync(join(root, "LICENSE"), "utf8")).toMatch(/^MIT License\n/);
  expect(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).license).toBe("MIT");
});
