import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photo } from "../../packages/core/src/fixture.ts";
import { Settings } from "../../packages/core/src/settings.ts";
import { type Cloud, startCloud } from "../../packages/local/src/cloud.ts";
import { environmentFile } from "../../packages/local/src/environment.ts";
import { type Runtime, startRuntime } from "../../packages/local/src/runtime.ts";
import { callFunction } from "./function-url.ts";
import { argsOf, type Graph } from "./graph.ts";
import { graphOf } from "./graphs.ts";
import { bundleFunction } from "./lambda-bundle.ts";
import { differences, type Headers, type Kind, type Row } from "./parity.ts";
import { api as apiRows, page } from "./parity-api.ts";
import { media } from "./parity-media.ts";
import { bucketRows, preflights } from "./parity-preflight.ts";
import { root } from "./platform.ts";
import { type Answered, type Asked, type CorsRule, type Origins, preflight, respond, xml } from "./stage.ts";

const rows: readonly Row[] = [...preflights, ...media, ...page, ...apiRows];
const host = "images.example.com";
const corsOrigins = ["https://app.example.com"];

/** Headers of the connection and of the request's id, and those that only one side can have. */
const unequal = [
  ["connection", "keep-alive", "date", "transfer-encoding", "content-length", "x-request-id"],
  // S3's own; the embedded media server does not pass them on.
  ["server", "x-amz-request-id", "x-amz-id-2", "x-amz-server-side-encryption"],
  // CloudFront's CORS settings manage it: `Origin`, or none.
  ["vary"],
  // `npm start` has no TLS. The API sends it all the same.
  ["strict-transport-security"],
].flat();

let graph: Graph;
let folder: string;
let cloud: Cloud;
let api: Runtime;
let origins: Origins;
let answerOfS3: Row["s3"];
let variables: Record<string, string>;
let image: { id: string; version: number; variants: { large: { url: string } } };

beforeAll(async () => {
  graph = await graphOf("configured");
  folder = await mkdtemp(join(tmpdir(), "parity-"));
  const pipeline = { ...Settings.pipelineDefaults, anonymous: true, corsOrigins };
  cloud = await startCloud({ port: 0, s3Port: 0, dynamodbPort: 0, dataDir: folder, pipeline, workers: 1 });
  await upload();
  const path = new URL(image.variants.large.url).pathname;
  const file = await ask(cloud.url, { method: "GET", path, headers: {} });
  const page = await (await fetch(cloud.url)).text();
  variables = {
    file: path,
    "file%": path.replace(/e(?=[^e]*$)/, "%65"),
    asset: /src="\.(\/assets\/[^"]+)"/.exec(page)?.[1] ?? "",
    id: image.id,
    "id%": image.id.replace("_", "%5F"),
    etag: file.headers.etag ?? "",
    modified: file.headers["last-modified"] ?? "",
    version: `W/"v${image.version}"`,
  };
  await startOrigins(path, file);
});

afterAll(async () => {
  await api?.close(2_000);
  await cloud?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Uploads a photo to the embedded cloud, and waits until it is ready. */
async function upload(): Promise<void> {
  const bytes = await photo({ width: 640, height: 480 });
  const response = await fetch(`${cloud.url}/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ filename: "a.jpg", contentType: "image/jpeg", bytes: bytes.length }),
  });
  const { id, upload } = await response.json();
  const { url, method, headers } = upload;
  expect((await fetch(url, { method, headers, body: new Uint8Array(bytes) })).status).toBe(200);
  await cloud.settled();
  image = await (await fetch(`${cloud.url}/images/${id}`)).json();
  expect(image).toMatchObject({ status: "ready" });
}

/** Starts the deployed bundles on the embedded cloud's table, and the buckets with S3's documented answers. */
async function startOrigins(path: string, file: Answered): Promise<void> {
  const build = (name: string) => {
    const found = graph.builds.find(({ functionID }) => functionID === name);
    if (!found) throw new Error(`The stage has no function ${name}.`);
    return bundleFunction(found);
  };
  const local = JSON.parse(await readFile(join(folder, environmentFile), "utf8"));
  const linked = (name: string, value: unknown) => ({ [`SST_RESOURCE_${name}`]: JSON.stringify(value) });
  api = startRuntime({
    name: "Api",
    module: pathToFileURL((await build("Api")).file),
    region: cloud.region,
    workers: 1,
    timeoutSeconds: 60,
    memoryMB: 1024,
    env: {
      PATH: process.env.PATH,
      POWERTOOLS_LOG_LEVEL: "SILENT",
      ...local,
      ...linked("OriginSecret", graph.links.OriginSecret),
      ...linked("Router", graph.links.Router),
      ...linked("Settings", { ...graph.links.Settings, anonymous: true }),
    },
  });
  const missing = await import(pathToFileURL((await build("Missing")).file).href);
  const { files } = argsOf(graph, /dynamic:Resource/, "PageAssetFiles.sst.aws.BucketFiles");
  const pageFiles = await Promise.all(
    files.map(async (each: Record<"key" | "source" | "contentType" | "cacheControl", string>) => ({
      ...each,
      text: await readFile(each.source, "latin1"),
    })),
  );
  origins = {
    api: async ({ method, path, headers, body }) => {
      const { host: _, ...forwarded } = headers;
      const request = new Request(`https://${host}${path}`, { method, headers: forwarded, body });
      return answered(await callFunction((event) => api.invoke(event), request));
    },
    missing: async (accept) => {
      const { statusCode, headers, body } = await missing.handler({ headers: { accept } });
      return { status: statusCode, headers: { ...headers }, body };
    },
    file(bucket, key) {
      if (bucket === "PageAssets") {
        const found = pageFiles.find((each) => each.key === key);
        if (!found) return undefined;
        const { contentType, cacheControl, text } = found;
        const headers = { "content-type": contentType, "cache-control": cacheControl, etag: '"1"' };
        return { status: 200, headers: { ...headers, "accept-ranges": "bytes" }, body: text };
      }
      return `/media/${key}` === path ? ofS3(file) : undefined;
    },
  };
}

/** The answer of S3 that the row states, about the variant. */
function ofS3({ headers, body }: Answered): Answered {
  const { status = 200, code, headers: more } = answerOfS3 ?? {};
  if (code !== undefined) return xml(status, code);
  const names = ["etag", "last-modified", "cache-control"];
  if (status !== 304) names.push("content-type", "accept-ranges");
  const kept = Object.fromEntries(names.map((name) => [name, headers[name] ?? ""]));
  if (!more) return { status, headers: kept, body: status === 304 ? "" : body };
  const [from = 0, to = 0] = (more["content-range"] ?? "").split(":").map(Number);
  const bytes = Buffer.from(body, "latin1");
  const start = from < 0 ? bytes.length + from : from;
  const end = to < 0 ? bytes.length - 1 : to;
  kept["content-range"] = `bytes ${start}-${end}/${bytes.length}`;
  return { status, headers: kept, body: bytes.subarray(start, end + 1).toString("latin1") };
}

async function answered(response: Response): Promise<Answered> {
  const headers = Object.fromEntries(response.headers);
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers, body: unpack(headers["content-encoding"], bytes) };
}

/** Returns a body in latin1, decompressed. */
const unpack = (encoding: string | undefined, bytes: Buffer) =>
  (encoding === "gzip" && bytes.length > 0 ? gunzipSync(bytes) : bytes).toString("latin1");

/** Sends a request as it is: `fetch` would normalize its path. */
function ask(base: string, { method, path, headers, body }: Asked): Promise<Answered> {
  return new Promise((done, fail) => {
    const { hostname, port } = new URL(base);
    const request = send({ hostname, port, method, path, headers }, async (response) => {
      const bytes = await buffer(response);
      const { statusCode: status = 0, headers } = response;
      const all = Object.entries(headers).map(([name, value]) => [name, String(value)]);
      done({ status, headers: Object.fromEntries(all), body: unpack(headers["content-encoding"], bytes) });
    });
    request.on("error", fail).end(body);
  });
}

const fill = (text: string) => text.replace(/\{([\w%]+)\}/g, (_, name) => variables[name] ?? "");

function askedOf({ method = "GET", path, sent = {}, json }: Row): Asked {
  const headers = Object.fromEntries(Object.entries(sent).map(([name, value]) => [name, fill(value)]));
  if (json !== undefined) headers["content-length"] = String(Buffer.byteLength(json));
  return { method, path: fill(path), headers, body: json };
}

function kindOf({ headers, body }: Answered): Kind {
  if (body === "") return "none";
  const type = headers["content-type"] ?? "";
  const kinds: [RegExp, Kind][] = [
    [/^application\/problem\+json/, "problem"],
    [/^application\/json/, "json"],
    [/^application\/xml/, "xml"],
    [/^text\/html/, "html"],
    [/^image\/webp/, "file"],
    [/^text\//, "text"],
  ];
  return kinds.find(([pattern]) => pattern.test(type))?.[1] ?? "file";
}

function check(
  answer: Answered,
  { status, body, headers = {} }: Pick<Row, "status" | "body" | "headers">,
): void {
  expect({ status: answer.status, body: kindOf(answer) }).toEqual({ status, body });
  for (const [name, value] of Object.entries<Headers[string]>(headers)) {
    const found = answer.headers[name];
    if (value === null) expect([name, found]).toEqual([name, undefined]);
    else if (typeof value === "string") expect([name, found]).toEqual([name, fill(value)]);
    else expect({ [name]: found }).toEqual({ [name]: expect.stringMatching(value) });
  }
}

/** The parts of an answer that must not differ: without ids and URLs of the stage, of XML the error's code. */
function comparable({ headers, body, status }: Answered, also: readonly string[] = []): object {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    // A page's policy names the origins of the stage, and the space in a content type is optional.
    unequal.includes(name) || also.includes(name)
      ? []
      : [
          [
            name,
            value.replaceAll(/ https?:\/\/[\w.:-]+/g, "").replace(/; ?charset=utf-8/i, "; charset=utf-8"),
          ],
        ],
  );
  const text = body
    .replaceAll(cloud.url, "")
    .replaceAll(`https://${host}`, "")
    .replace(/"requestId":"[^"]*"/, "");
  const [, code] = /<Code>(\w+)<\/Code>/.exec(text) ?? [];
  const digest = createHash("sha256").update(text).digest("hex");
  return { status, headers: Object.fromEntries(kept), body: code ?? (text.length < 1000 ? text : digest) };
}

describe.each(rows)("$name", (row) => {
  const { differs } = row;
  let local: Answered;
  let deployed: Answered;

  beforeAll(async () => {
    answerOfS3 = row.s3;
    const asked = askedOf(row);
    local = await ask(cloud.url, asked);
    deployed = await respond(graph, host, { ...asked, headers: { host, ...asked.headers } }, origins);
  });

  test("npm start", () => check(local, row));

  test("deployed", () => check(deployed, differs ? { ...row, headers: {}, ...differs.deployed } : row));

  test("alike", () => {
    if (differs) return expect(comparable(local)).not.toEqual(comparable(deployed));
    expect(comparable(local, row.unequal)).toEqual(comparable(deployed, row.unequal));
  });
});

describe.each(bucketRows)("$name", (row) => {
  let local: Answered;
  let deployed: Answered;

  beforeAll(async () => {
    const asked = askedOf(row);
    const { corsRules } = argsOf(graph, /bucketCorsConfiguration/, "UploadsCors");
    local = await ask(cloud.s3Url, asked);
    deployed = preflight(corsRules as CorsRule[], asked);
  });

  test("npm start", () => check(local, row));
  test("deployed", () => check(deployed, row));
  // Without a domain per bucket, the embedded S3 keeps an uploaded page from running scripts.
  const sandbox = ["content-security-policy", "x-content-type-options"];
  test("alike", () => expect(comparable(local, sandbox)).toEqual(comparable(deployed, sandbox)));
});

test("docs/deploying.md lists every difference, and no row is left without one that it names", async () => {
  const text = await readFile(join(root, "docs/deploying.md"), "utf8");
  const listed = text.slice(text.indexOf("## Differences from `npm start`"));
  for (const title of Object.values(differences)) expect(listed).toContain(`| ${title} |`);
  const used = new Set(rows.flatMap(({ differs }) => differs?.as ?? []));
  expect([...used].sort()).toEqual(Object.keys(differences).sort());
});
