/**
 * Runs inside the bundle of `platform.ts`: evaluates sst.config.ts with SST's platform code under Pulumi mocks, and
 * writes every registered resource.
 *
 * Writes when the process exits by itself, because all outputs have been resolved by then. A resource that waits for an
 * output that never resolves, such as one of two that depend on each other, is missing in the result.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { run } from "../../.sst/platform/src/auto/run.ts";
import config from "../../sst.config.ts";
import type { Build, Graph, Request } from "./graph.ts";
import { mocks } from "./mocks.ts";

const request: Request = JSON.parse(process.env.GRAPH_REQUEST ?? "{}");
const { stage, dev, region, root, platform, work } = request;
const graph: Graph = { app: {}, resources: [], builds: [], archives: {}, links: {}, outputs: {} };
const retained = new Set<string>();

process.on("exit", () => {
  for (const resource of graph.resources) {
    resource.retainOnDelete = retained.has(`${resource.type} ${resource.name}`);
  }
  for (const { functionID } of graph.builds) {
    const archive = join(work, "artifacts", functionID, "code.zip");
    if (existsSync(archive)) graph.archives[functionID] = entriesOf(readFileSync(archive));
  }
  writeFileSync(request.out, JSON.stringify(graph));
});

/** Returns the names in a ZIP archive's central directory. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.12 */
function entriesOf(zip: Buffer): string[] {
  const names: string[] = [];
  let at = zip.indexOf("PK\x01\x02", 0, "latin1");
  while (at >= 0) {
    names.push(zip.toString("utf8", at + 46, at + 46 + zip.readUInt16LE(at + 28)));
    at = zip.indexOf("PK\x01\x02", at + 46, "latin1");
  }
  return names.sort();
}

/** The responses of SST's command line to its platform code. Functions get an empty bundle. */
const answers: Record<string, (given: Build) => unknown> = {
  "Provider.Aws.Bootstrap": () => ({ asset: "sst-asset", state: "sst-state" }),
  "Provider.Aws.Appsync": () => ({ http: "http.example", realtime: "realtime.example" }),
  "Runtime.Build": (build) => {
    graph.builds.push(build);
    const out = join(work, "builds", build.functionID);
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "bundle.mjs"), "export const handler = () => {};\n");
    return { handler: "bundle.handler", out, errors: [], sourcemaps: [] };
  },
};

const server = createServer(async (incoming, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const { method, params } = JSON.parse(Buffer.concat(chunks).toString());
  response.setHeader("connection", "close");
  response.end(JSON.stringify({ result: answers[method]?.(params[0]) ?? {} }));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
server.unref();
process.env.SST_SERVER = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const app = await config.app({ stage });
graph.app = { ...app };
Object.assign(globalThis, {
  $app: { removal: "retain", protect: false, ...app, stage },
  $dev: dev,
  $cli: {
    command: dev ? "dev" : "deploy",
    dev,
    paths: { home: work, root, work, platform },
    state: { version: {} },
  },
});

await $util.runtime.setMocks(mocks(graph, region), app.name, stage, false);
graph.outputs =
  (await $util.runtime.runInPulumiStack(() =>
    run(() => {
      // Registered after SST's transformations, so that it sees their results.
      $util.runtime.registerStackTransformation(({ type, name, opts }) => {
        if (opts.retainOnDelete) retained.add(`${type} ${name}`);
        return undefined;
      });
      return config.run();
    }),
  )) ?? {};
