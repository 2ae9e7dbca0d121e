/** Versions that several files name. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../../..");

test("docs/clients.md names the version of openapi-generator with which the Kotlin library is built", async () => {
  const pom = await readFile(join(root, "clients/kotlin/pom.xml"), "utf8");
  const built = /<artifactId>openapi-generator-maven-plugin<\/artifactId>\s*<version>([\d.]+)</.exec(
    pom,
  )?.[1];
  const docs = await readFile(join(root, "docs/clients.md"), "utf8");
  const named = docs.matchAll(/(?:in version|version-manager set) (\d+\.\d+\.\d+)/g);
  expect([...named].map(([, version]) => version)).toEqual([built, built]);
});
