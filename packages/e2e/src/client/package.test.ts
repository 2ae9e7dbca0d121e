/** The npm packages, packed and installed outside the repository. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { install, installPackages, printed, root, run } from "./package.fixture.ts";

const bin = (name: string) => join(root, "node_modules/.bin", name);

const react = ["react@19", "react-dom@19", "@types/react@19", "@types/react-dom@19"];

/** Entries of each package. */
const packages: Record<string, readonly string[]> = {
  client: [".", "./placeholder", "./show", "./sync", "./uploads"],
  react: [".", "./native"],
};

let app: string;
let tarballs: string[];
let cloud: TestCloud;

beforeAll(async () => {
  ({ app, tarballs } = await installPackages(Object.keys(packages), react));
  cloud = await startTestCloud();
}, 180_000);

afterAll(async () => {
  await cloud?.stop();
  await rm(app, { recursive: true });
});

test.each(Object.keys(packages))("publint finds nothing to improve in %s", async (name) => {
  const { messages } = await publint({ pkgDir: join(root, "packages", name, "dist"), strict: true });
  expect(messages).toEqual([]);
});

test.each(Object.entries(packages))(
  "every entry of %s resolves with its types for ESM and for bundlers",
  async (name, entries) => {
    const tarball = tarballs[Object.keys(packages).indexOf(name)] ?? "";
    const attw = await run(bin("attw"), [tarball, "--profile", "esm-only", "--format", "json"]);
    const { analysis, problems } = JSON.parse(attw.stdout);
    expect(Object.keys(analysis.entrypoints)).toEqual(expect.arrayContaining([...entries]));
    // A CommonJS module loads ESM by `import()`, or by `require` since Node 20.19.
    const { CJSResolvesToESM: _, ...others } = problems ?? {};
    expect(others).toEqual({});
  },
  60_000,
);

test.each(Object.keys(packages))(
  "%s is published with provenance, and the workspace with its sources is not",
  async (name) => {
    const published = JSON.parse(await readFile(join(root, "packages", name, "dist/package.json"), "utf8"));
    expect(published).toMatchObject({ sideEffects: false, publishConfig: { provenance: true } });
    expect(published).not.toHaveProperty("private");
    const workspace = JSON.parse(await readFile(join(root, "packages", name, "package.json"), "utf8"));
    expect(workspace).toMatchObject({ private: true });
  },
);

test("the declarations of the client import nothing of the server and type an image", async () => {
  const folder = join(app, "node_modules/@image-pipeline/client");
  const declarations = (await readdir(folder)).filter((name) => name.endsWith(".d.ts"));
  for (const name of declarations) {
    const text = await readFile(join(folder, name), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) expect(from).toMatch(/^\.\//);
  }
  const code = `
    import { ClientError, createClient, type Code, type Image } from "@image-pipeline/client";
    import { thumbhashURL } from "@image-pipeline/client/placeholder";
    import { srcset } from "@image-pipeline/client/show";
    const { images } = createClient({ baseUrl: "http://127.0.0.1" });
    const image: Image = await images.get("x");
    export const urls: string[] = [image.id, srcset(image), image.variants?.thumbnail?.url ?? ""];
    export const code: Code = new ClientError("image_not_found", "").code;
    export const placeholder = thumbhashURL;
    // @ts-expect-error An image is not \`any\`.
    image.nonsense;
    // @ts-expect-error A status is one of a closed set.
    if (image.status === "nonsense") throw image;
    for (const change of (await images.changes()).items) {
      if (change.op === "upsert") urls.push(change.image.id);
      // @ts-expect-error A deletion has no image.
      else urls.push(change.image.id);
    }
  `;
  await check(app, "types.ts", code);
}, 120_000);

/** Code for browsers and React Native that uses every export of the React package, and errors that the types must find. */
const page = `
  import { createClient, type Image } from "@image-pipeline/client";
  import { createUploads, memoryStore } from "@image-pipeline/client/uploads";
  import { Picture, UploadButton, useImages, useUpload, useUploads } from "@image-pipeline/react";
  import { expoImage, useUpload as useNativeUpload } from "@image-pipeline/react/native";

  const client = createClient({ baseUrl: "http://127.0.0.1" });
  const uploads = createUploads({ baseUrl: "http://127.0.0.1", store: memoryStore() });

  export function Page({ image }: { image: Image }) {
    const { images, error, hasMore, loadMore, refresh } = useImages(client, { status: "ready", tag: ["a"] });
    const one = useUpload(client);
    const native = useNativeUpload(client);
    const queue = useUploads(uploads);
    const share: number = one.sent / one.total;
    const code: string | undefined = one.error?.code ?? error?.code;
    if (one.status === "done") one.image.id.trim();
    const uri: string | undefined = expoImage(image, "small").source[0]?.uri;
    // @ts-expect-error There is no such filter.
    useImages(client, { colour: "red" });
    // @ts-expect-error An upload that is not done may have no image.
    one.image.id;
    return (
      <main data-share={share} data-code={code} data-uri={uri}>
        {images.map((each) => <Picture key={each.id} image={each} sizes="50vw" />)}
        {queue.map(({ id, sent }) => <i key={id}>{sent}</i>)}
        <Picture image={image} variant="thumbnail" alt="A harbour" className="a" style={{ width: 200 }} loading="eager" fetchPriority="high" onClick={() => undefined} />
        <UploadButton client={client} multiple options={{ tags: ["a"] }} onUploaded={({ id }) => id} onError={(fault) => fault.code}>Add</UploadButton>
        <UploadButton uploads={uploads} accept="image/png" words={{ cancel: "Stop" }} onQueued={(id) => id} />
        <button disabled={!hasMore} onClick={loadMore}>More</button>
        <button onClick={refresh}>Again</button>
        <button onClick={() => native.upload({ uri: "file:///a", name: "a", type: "image/png", size: 1 })}>Native</button>
        {/* @ts-expect-error There is no such variant. */}
        <Picture image={image} variant="nonsense" />
        {/* @ts-expect-error A picture needs an image. */}
        <Picture />
        {/* @ts-expect-error The source comes from the image. */}
        <Picture image={image} src="a.jpg" />
        {/* @ts-expect-error A button uploads by a client or into a queue. */}
        <UploadButton multiple />
      </main>
    );
  }
`;

/** Prints the HTML of a page with the newest image, as a server renders it. */
const server = `
  import process from "node:process";
  import { createElement } from "react";
  import { renderToString } from "react-dom/server";
  import { createClient } from "@image-pipeline/client";
  import { Picture, UploadButton, useImages } from "@image-pipeline/react";
  const client = createClient({ baseUrl: process.argv[2] });
  const initialPage = await client.images.page({ limit: 1 });
  function Page() {
    const { images } = useImages(client, {}, { initialPage });
    const pictures = images.map((image) => createElement(Picture, { key: image.id, image, alt: "A wall", sizes: "50vw" }));
    return createElement("main", null, pictures, createElement(UploadButton, { client }));
  }
  console.log(renderToString(createElement(Page)));
`;

describe.each([["19"], ["18"]])("with React %s", (version) => {
  let folder: string;
  beforeAll(async () => {
    if (version === "19") {
      folder = app;
      return;
    }
    folder = join(app, `react-${version}`);
    await mkdir(folder);
    await install(folder, [...tarballs, ...react.map((name) => name.replace("@19", `@${version}`))]);
  }, 120_000);

  test("the declarations type a page in TSX, for React Native too", async () => {
    await check(folder, "page.tsx", page, ["--jsx", "react-jsx"]);
  }, 120_000);

  test("a server renders a picture that needs no script, and its hooks and button", async () => {
    await run(process.execPath, ["upload.mjs", cloud.url], { cwd: app });
    await writeFile(join(folder, "server.mjs"), server);
    const { stdout, stderr } = await run(process.execPath, ["server.mjs", cloud.url], { cwd: folder });
    expect(stderr).toBe("");
    const [picture = ""] = /<picture[^>]*>/.exec(stdout) ?? [];
    expect(picture).toContain("background-image:url(&quot;data:image/png;base64,");
    expect(picture).toContain("aspect-ratio:640 / 480");
    const [img = ""] = /<img[^>]*>/.exec(stdout) ?? [];
    expect(img).toMatch(/decoding="async" loading="lazy" sizes="50vw" srcset="[^"]*small\S* 480w, /i);
    expect(img).toMatch(/ width="640" height="480" alt="A wall"/);
    expect(img).not.toContain("opacity");
    expect(stdout).toContain('<input type="file"');
  }, 60_000);
});

/** Type-checks a file of an app, with the resolution of Node and of bundlers. */
async function check(folder: string, file: string, code: string, flags: readonly string[] = []) {
  await writeFile(join(folder, file), code);
  for (const resolution of ["nodenext", "bundler"]) {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--module", module, "--moduleResolution", resolution, "--lib", "es2022,dom"];
    const strict = ["--noEmit", "--strict", "--target", "es2022", ...flags, file];
    const checked = await run(bin("tsc"), [...options, ...strict], { cwd: folder }).catch((error) => error);
    expect(checked.stdout, resolution).toBe("");
  }
}

test("uploads an image from Node and reads its variants", async () => {
  const { stdout } = await run(process.execPath, ["upload.mjs", cloud.url], { cwd: app });
  expect(stdout.trim()).toBe(printed);
}, 60_000);

test("Vite bundles what a page imports and leaves out the rest", async () => {
  await mkdir(join(app, "page"));
  const script = `import { isFinal } from "@image-pipeline/client"; console.log(isFinal({ status: "ready" }));`;
  await writeFile(join(app, "page/index.html"), `<script type="module" src="./main.js"></script>`);
  await writeFile(join(app, "page/main.js"), script);
  await build({ root: join(app, "page"), configFile: false, logLevel: "error" });
  const [asset = ""] = await readdir(join(app, "page/dist/assets"));
  const bundled = await readFile(join(app, "page/dist/assets", asset), "utf8");
  expect(bundled).toContain("rejected");
  expect(bundled).not.toContain("idempotency");
}, 60_000);
