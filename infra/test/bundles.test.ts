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

/** Returns the bytes of a folder's files. */
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
  const sizes = Object.fromEntries(
    Object.entries(bundles).map(([name, { bytes }]) => [
      name,
      name === "Processor" ? bytes + installed : bytes,
    ]),
  );
  const refused = (sizes: Record<string, number>) =>
    Object.keys(sizes).filter((name) => !((sizes[name] ?? 0) > 0 && (sizes[name] ?? 0) <= most));
  expect(refused(sizes)).toEqual([]);
  expect(refused({ ...sizes, Processor: most + 1 })).toEqual(["Processor"]);
});

test("no bundle contains two copies of one package", () => {
  for (const [name, { files }] of Object.entries(bundles)) {
    const folders = new Set(
      files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[0] ?? []),
    );
    const packages = [...folders].map((folder) => folder.replace(/.*node_modules\//, ""));
    const twice = packages.filter((each, i) => packages.indexOf(each) !== i);
    expect([name, twice]).toEqual([name, []]);
  }
});

/** ElectroDB loads the document client with `require`, of which esbuild keeps everything: docs/decisions.md. */
const requiredWhole = ["@aws-sdk/client-dynamodb", "@aws-sdk/lib-dynamodb"];

test("paginators and waiters come with the two packages that ElectroDB requires whole, and with no other", () => {
  for (const [name, { files }] of Object.entries(bundles)) {
    const found = files.filter((file) => /@aws-sdk\/.*\/(pagination|waiters)\//.test(file));
    const others = found.filter((file) => !requiredWhole.some((each) => file.includes(`/${each}/`)));
    expect([name, others]).toEqual([name, []]);
  }
});
