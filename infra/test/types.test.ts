import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluate, type Resource } from "./graph.ts";
import { all } from "./graphs.ts";
import { platform, root } from "./platform.ts";
import { longest } from "./stages.ts";

/** Runs the TypeScript compiler. Returns its errors, none if there are none. */
function compile(...args: string[]): string[] {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, "--noEmit", ...args], { encoding: "utf8", stdio: "pipe" });
    return [];
  } catch (error) {
    return String((error as { stdout: string }).stdout)
      .trim()
      .split("\n");
  }
}

test("sst.config.ts and infra/ are what SST's own types allow", () => {
  expect(compile("-p", join(root, "infra"))).toEqual([]);
  // Checking SST's types takes 15 s on an idle machine.
}, 600_000);

/** A resource's arguments as an object literal of the type that its provider declares: `aws:s3/bucketV2:BucketV2`. */
function typed({ type, name, inputs }: Resource, stage: string): string {
  const [provider = "", module = "", className] = type.split(":");
  const namespace = module.split("/")[0];
  const scope = namespace === "index" ? provider : `${provider}.${namespace}`;
  // A file or an archive is a Pulumi object, whose JSON is only its content.
  const plain = Object.entries(inputs).filter(
    ([, value]) => !value?.__pulumiAsset && !value?.__pulumiArchive,
  );
  return `/* ${stage}: ${name} */ check<${scope}.${className}Args>(${JSON.stringify(Object.fromEntries(plain))});`;
}

test("every resource of every stage has the properties that @pulumi/aws declares, of the declared types", async () => {
  const stages = [...all, ["longest", await evaluate(longest)] as const];
  const lines = stages.flatMap(([stage, { resources }]) =>
    resources.filter(({ type }) => /^(aws|random):/.test(type)).map((resource) => typed(resource, stage)),
  );
  expect(lines.length).toBeGreaterThan(300);
  const file = join(platform, "properties.ts");
  writeFileSync(
    file,
    [
      'import type * as aws from "@pulumi/aws";',
      'import type * as random from "@pulumi/random";',
      "declare function check<Args>(args: Args): void;",
      ...lines,
    ].join("\n"),
  );
  const errors = compile("--skipLibCheck", "--strict", "--module", "nodenext", "--target", "es2023", file);
  const located = errors.map((error) => {
    const [, line] = /properties\.ts\((\d+),/.exec(error) ?? [];
    return line ? `${/\/\* (.*?) \*\//.exec(lines[Number(line) - 4] ?? "")?.[1]} ${error}` : error;
  });
  expect(located).toEqual([]);
}, 600_000);
