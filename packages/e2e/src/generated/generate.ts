/** Generates a client from the API's OpenAPI document, by the command that docs/clients.md gives for the generator. */
import { execFile } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

const root = join(import.meta.dirname, "../../../..");
const docs = await readFile(join(root, "docs/clients.md"), "utf8");

/** The commands of the document's shell blocks, with continued lines joined. */
const commands = [...docs.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
  block
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter(Boolean),
);

/** Returns the one documented command that matches. Throws if none or several do. */
function commandLike(pattern: RegExp): string {
  const [command, ...others] = commands.filter((command) => pattern.test(command));
  if (command === undefined || others.length > 0)
    throw new Error(`docs/clients.md has ${command ? "several commands" : "no command"} like ${pattern}.`);
  return command;
}

/** The version of openapi-generator that the document installs. */
const version = /version-manager set (\S+)$/.exec(commandLike(/version-manager set/))?.[1];

/** The plugin of Maven that fetches single files and classpaths. */
const dependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0";

const maven = (folder: string, ...args: string[]) =>
  run("mvn", ["--quiet", "--batch-mode", ...args], { cwd: folder });

/** The generators that have a command in the document. */
export type Generator = "kotlin" | "java" | "go" | "python";

/**
 * Generates a client with openapi-generator into `client` in a folder. Needs Maven, which fetches the generator from
 * Maven Central once, and Java.
 */
export async function generate(generator: Generator, folder: string): Promise<void> {
  await copyFile(join(root, "packages/functions/openapi.json"), join(folder, "openapi.json"));
  const artifact = `-Dartifact=org.openapitools:openapi-generator-cli:${version}`;
  await maven(folder, `${dependencies}:copy`, artifact, "-DoutputDirectory=generator");
  const [, ...args] = commandLike(new RegExp(`^openapi-generator-cli generate .*-g ${generator} `)).split(
    " ",
  );
  await run("java", ["-jar", `generator/openapi-generator-cli-${version}.jar`, ...args], { cwd: folder });
}

/** Fetches the dependencies of a folder's pom.xml from Maven Central, and returns their classpath. */
export async function fetchClasspath(folder: string): Promise<string> {
  await maven(folder, `${dependencies}:build-classpath`, "-Dmdep.outputFile=classpath");
  return readFile(join(folder, "classpath"), "utf8");
}
