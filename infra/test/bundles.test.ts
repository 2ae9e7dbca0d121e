import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { graphOf } from "./graphs.ts";
import { bundleFunction, type LambdaBundle } from "./lambda-bundle.ts";
import { root } from "./platform.ts";

const decoders = ["sharp", "libheif-js"];
const graph = await graphOf("production");
const bundles: Record<string, LambdaBundle> = {};

beforeAll(async () => {
  for (const build of graph.builds) bundles[build.functionID] = await bundleFunction(build);
});

const thoseWhere = (find: (bundle: LambdaBundle) => boolean) =>
  Object.keys(bundles)
    .filter((name) => bundles[name] && find(bundles[name]))
    .sort();

test("decoders are asked for by the processor alone", () => {
  for (const name of decoders)
    expect(thoseWhere(({ imports }) => imports.includes(name))).toEqual(["Processor"]);
});

test("the S3 client is in those alone that read or write many objects", () => {
  const s3 = thoseWhere(({ packages }) => packages.has("@aws-sdk/client-s3"));
  expect(s3).toEqual(["DeadLetter", "Processor", "Reconciler"]);
});

test("a bundle asks for nothing but Node's own modules, and the processor for its decoders", () => {
  for (const [name, { imports }] of Object.entries(bundles)) {
    const foreign = imports.filter((path) => !process.getBuiltinModule(path));
    expect([name, [...new Set(foreign)]]).toEqual([name, name === "Processor" ? decoders : []]);
  }
});

test("the processor's bundle reads a HEIC, whose decoder runs in a thread made from the bundle's own text", async () => {
  const folder = join(root, ".sst/bundles/heic");
  mkdirSync(folder, { recursive: true });
  const source = join(root, "packages/core/src/engine");
  writeFileSync(
    join(folder, "heic.ts"),
    `import { heic } from "${source}/fixture-heic.ts"; import { decodeHeic } from "${source}/heic.ts";
     export const handler = () => decodeHeic(heic(), 1e6, 20);`,
  );
  const properties = { minify: true, architecture: "arm64" };
  const bundle = await bundleFunction({
    functionID: "heic",
    runtime: "nodejs22.x",
    links: {},
    handler: join(folder, "heic.handler"),
    properties,
  });
  const { handler } = await import(bundle.file);
  expect(await handler()).toMatchObject({ width: 120, height: 90, channels: 3 });
});

test("only the API has imports that never run: what hono-openapi would convert schemas of other libraries with", () => {
  for (const [name, { dynamic }] of Object.entries(bundles)) {
    const foreign = dynamic.filter((path) => !process.getBuiltinModule(path));
    const converters = ["@valibot/to-json-schema", "effect", "sury", "zod-openapi", "zod-to-json-schema"];
    expect([name, [...new Set(foreign)].sort()]).toEqual([
      name,
      name === "Api" ? [...converters, "zod/v4/core"].sort() : [],
    ]);
  }
});

/** In KB, minified; a few hundredths above what they are. ElectroDB is 174 KB of each but the breaker's. */
test.each([
  ["Api", 350],
  ["Breaker", 55],
  ["DeadLetter", 720],
  ["Processor", 750],
  ["Reconciler", 740],
])("%s has at most %d KB", (name, most) => {
  expect((bundles[name]?.bytes ?? 0) / 1000).toBeLessThanOrEqual(most);
});

/** Bytes of a folder, of its files alone. */
const sizeOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

test("Lambda accepts the unzipped size of every function, the installed decoders included", () => {
  // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB.
  const most = 250 * 2 ** 20;
  // This machine's build of libvips is as large as Lambda's, within a few MB.
  const installed = [...decoders, "@img"]
    .map((name) => sizeOf(join(root, "node_modules", name)))
    .reduce((sum, each) => sum + each, 0);
  for (const [name, { bytes }] of Object.entries(bundles)) {
    const total = name === "Processor" ? bytes + installed : bytes;
    expect([name, total]).toEqual([name, expect.toSatisfy((size: number) => size > 0 && size <= most)]);
  }
});

test("nothing of AWS's DynamoDB client is in any, nor what ElectroDB would load beside it", () => {
  const those = ["client-dynamodb", "lib-dynamodb", "util-dynamodb"].map((name) => `@aws-sdk/${name}`);
  expect(thoseWhere(({ packages }) => [...those, "jsonschema"].some((name) => packages.has(name)))).toEqual(
    [],
  );
  expect(bundles.Api?.packages.has("packages/stand-ins")).toBe(true);
});

test("the API starts with at most six times the CPU of the smallest Hono app, Node's own start included", async () => {
  const folder = join(root, ".sst/bundles/bare");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "bare.ts"),
    'import { Hono } from "hono"; import { handle } from "hono/aws-lambda";\n' +
      'export const handler = handle(new Hono().get("/", (c) => c.text("")));\n',
  );
  const build = {
    functionID: "bare",
    runtime: "nodejs22.x",
    links: {},
    handler: join(folder, "bare.handler"),
  };
  const bare = await bundleFunction({ ...build, properties: { minify: true, architecture: "arm64" } });
  const env = Object.fromEntries(
    Object.entries({ App: {}, ...graph.builds.find(({ functionID }) => functionID === "Api")?.links }).map(
      ([name, value]) => [`SST_RESOURCE_${name}`, JSON.stringify(value)],
    ),
  );
  const cpuOf = (file: string) => {
    const script = `await import(${JSON.stringify(file)}); const { user, system } = process.cpuUsage(); console.log(user + system)`;
    const run = () =>
      Number(
        execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" }),
      );
    return Math.min(...Array.from({ length: 5 }, run)) / 1000;
  };
  const [own, floor] = [cpuOf(bundles.Api?.file ?? ""), cpuOf(bare.file)];
  // 3.6 measured.
  expect(own / floor).toBeLessThanOrEqual(6);
});
