/**
 * Requests under /media for files that do not exist: the origin group of the deployed distribution, with the deployed
 * bundle of the function that it fails over to.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { AwsClient } from "aws4fetch";
import { Hono } from "hono";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { thisMachine } from "../../packages/local/src/isolation.ts";
import { createMedia } from "../../packages/local/src/media.ts";
import { startS3 } from "../../packages/local/src/s3/server.ts";
import { type EdgeRequest, pass } from "./edge.ts";
import { callFunction } from "./function-url.ts";
import { argsOf, type Resource } from "./graph.ts";
import { all, secondOriginOf } from "./graphs.ts";
import { bundleFunction } from "./lambda-bundle.ts";

const path = "/media/img_01/1-abcd/none.webp";
const svg = "image/svg+xml";
const json = "application/problem+json";

/** The media of `npm start`, on an empty bucket. */
const app = new Hono();
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const region = "us-east-1";
let folder: string;
let bucket: Awaited<ReturnType<typeof startS3>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "missing-"));
  const buckets = ["processed"];
  const options = { dataDir: folder, port: 0, buckets, region, ...credentials };
  bucket = await startS3({ ...options, onEvent() {} });
  const aws = new AwsClient({ ...credentials, region, service: "s3", retries: 0 });
  app.route(
    "/media",
    createMedia({
      aws,
      s3Url: bucket.url,
      bucket: "processed",
      trust: thisMachine,
      publicUrl: "http://localhost",
      keys: new Map(),
    }),
  );
});

afterAll(async () => {
  await bucket.close();
  await rm(folder, { recursive: true, force: true });
});

/** A response of the primary origin, by status, as S3 would send it. */
const bucketResponse = (status: number) =>
  new Response(status === 304 ? null : "<Error/>", {
    status,
    headers: { "content-type": "application/xml" },
  });

describe.each(all.filter(([name]) => secondOriginOf(name) === "Missing"))("%s", (name, graph) => {
  const distribution = argsOf(graph, /cloudfront\/distribution:/, "RouterCdnDistribution");
  const behavior = distribution.orderedCacheBehaviors.find(
    ({ pathPattern }: Resource["inputs"]) => pathPattern === "/media/*",
  );
  const group = distribution.originGroups.find(
    ({ originId }: Resource["inputs"]) => originId === behavior.targetOriginId,
  );
  let handler: Parameters<typeof callFunction>[0];

  beforeAll(async () => {
    const build = graph.builds.find(({ functionID }) => functionID === "Missing");
    if (!build) throw new Error("The stage has no function Missing.");
    const { file } = await bundleFunction(build);
    handler = (await import(pathToFileURL(file).href)).handler;
  });

  /** Answers as CloudFront does: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorOriginGroups.html */
  async function get(
    method: string,
    status: number,
    accept?: string,
  ): Promise<{ origin: string; response: Response }> {
    const [primary, secondary] = group.members.map(({ originId }: Resource["inputs"]) => originId);
    const canFailOver = ["GET", "HEAD", "OPTIONS"].includes(method);
    if (!canFailOver || !group.failoverCriteria.statusCodes.includes(status))
      return { origin: primary, response: bucketResponse(status) };
    const headers = accept === undefined ? {} : { accept: { value: accept } };
    const host = name === "configured" ? "images.example.com" : "d111.cloudfront.net";
    const { result } = await pass(graph, path, { host, headers });
    const sent = result as EdgeRequest;
    const { domainName } = distribution.origins.find(
      ({ originId }: Resource["inputs"]) => originId === secondary,
    );
    // The origin request policy lets the function have `Accept`, the path and the origin's own host.
    const request = new Request(`https://${domainName}${sent.uri}`, {
      method,
      headers: { accept: sent.headers.accept?.value ?? "" },
    });
    return { origin: secondary, response: await callFunction(handler, request) };
  }

  test.each([
    ["GET", 403],
    ["GET", 404],
    ["GET", 400],
    ["HEAD", 403],
    ["OPTIONS", 403],
  ])("%s gets a problem with status 404 where the bucket responds %i", async (method, status) => {
    const { origin, response } = await get(method, status);
    expect([origin, response.status]).toEqual(["missing", 404]);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    // Not kept by the edge, where the next client may want the other body, or the file has been written.
    expect(response.headers.get("cache-control")).toBe("private, max-age=10");
    expect(response.headers.get("vary")).toBe("Accept");
  });

  test.each([200, 206, 304, 412, 416, 500, 503])("the bucket's own %i reaches the client", async (status) => {
    const { origin, response } = await get("GET", status);
    expect([origin, response.status]).toEqual(["processed", status]);
  });

  test("the behaviour allows only methods that can fail over, and both origins exist", () => {
    expect(behavior.allowedMethods).toEqual(["GET", "HEAD", "OPTIONS"]);
    const ids = distribution.origins.map(({ originId }: Resource["inputs"]) => originId);
    for (const { originId } of group.members) expect(ids).toContain(originId);
  });

  const clients: [client: string, accept: string | undefined, type: string][] = [
    ["Chrome's <img>", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", svg],
    ["Firefox's <img>", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", svg],
    ["Safari 13's <img>", "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", svg],
    ["a client of images", "image/*", svg],
    ["a page in the tab", "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8", json],
    ["curl, okhttp", "*/*", json],
    ["a client without Accept", undefined, json],
    ["a client of the API", "application/json", json],
    ["a client that prefers JSON", "image/*;q=0.5, application/json", json],
    ["a client that refuses SVG", "image/svg+xml;q=0, image/webp", json],
    ["10 KB of images", `${"image/webp,".repeat(900)}image/svg+xml`, json],
  ];

  test.each(clients)(
    "%s gets the body for its Accept, from `npm start` too",
    async (_client, accept, type) => {
      const here = await app.request(path, { headers: accept === undefined ? {} : { accept } });
      const { response } = await get("GET", 403, accept);
      for (const each of [here, response])
        expect([each.status, each.headers.get("content-type")]).toEqual([404, type]);
      expect(await response.text()).toBe(await here.text());
    },
  );

  test("the picture is one that sharp decodes, without a script", async () => {
    const { response } = await get("GET", 403, "image/*");
    const text = await response.text();
    expect(text).not.toMatch(/script|href|on\w+=/);
    expect(await sharp(Buffer.from(text)).metadata()).toMatchObject({ format: "svg", width: 96, height: 64 });
  });
});
