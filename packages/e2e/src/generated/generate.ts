/** Generates clients from the API's OpenAPI document, by the commands that docs/clients.md gives to users. */
import { execFile } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

export const root = join(import.meta.dirname, "../../../..");
export const docs = await readFile(join(root, "docs/clients.md"), "utf8");

/** The photo that every program uploads. */
export const photo = join(root, "docs/sample.jpg");

/** The output of every program: create, repeat with the same key, upload, wait, list, and an error's code. */
export const printed = "created pending\nrepeated true\nready 200\nlisted true\n404 image_not_found\n";

/** Returns the commands under a heading of the document, with continued lines joined. Throws if there are none. */
function commandsUnder(heading: string): string[][] {
  const [, section = ""] = docs.split(`\n### ${heading}\n`);
  const [text = ""] = section.split(/^##/m);
  const commands = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
    block
      .replaceAll(/ *\\\n */g, " ")
      .trim()
      .split("\n"),
  );
  if (commands.length === 0) throw new Error(`docs/clients.md has no command under "${heading}".`);
  return commands.map((command) => command.split(" "));
}

/** Generates a client into a folder by the commands under a heading: `npm install` and `npx`. */
export async function generate(heading: string, folder: string): Promise<void> {
  await copyFile(join(root, "packages/functions/openapi.json"), join(folder, "openapi.json"));
  for (const [program = "", ...args] of commandsUnder(heading)) {
    const quiet =
      program === "npm" ? ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"] : [];
    await run(program, [...args, ...quiet], { cwd: folder });
  }
}

/** The version of openapi-generator that the document installs. */
const version = /version-manager set (\S+)$/m.exec(docs)?.[1];

/** The plugin of Maven that fetches single files and classpaths. */
const dependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0";

const maven = (folder: string, ...args: string[]) =>
  run("mvn", ["--quiet", "--batch-mode", ...args], { cwd: folder });

/**
 * Generates a client with openapi-generator into `client` in a folder, by the command under a heading. Needs Java, and
 * Maven instead of npm's openapi-generator-cli, which downloads the same archive from Maven Central.
 */
export async function generateByJava(heading: string, folder: string): Promise<void> {
  await copyFile(join(root, "packages/functions/openapi.json"), join(folder, "openapi.json"));
  const artifact = `-Dartifact=org.openapitools:openapi-generator-cli:${version}`;
  await maven(folder, `${dependencies}:copy`, artifact, "-DoutputDirectory=generator");
  for (const [, ...args] of commandsUnder(heading)) {
    await run("java", ["-jar", `generator/openapi-generator-cli-${version}.jar`, ...args], { cwd: folder });
  }
}

/** Fetches the dependencies of a folder's pom.xml from Maven Central, and returns their classpath. */
export async function fetchClasspath(folder: string): Promise<string> {
  await maven(folder, `${dependencies}:build-classpath`, "-Dmdep.outputFile=classpath");
  return readFile(join(folder, "classpath"), "utf8");
}
