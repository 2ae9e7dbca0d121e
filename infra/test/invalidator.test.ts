import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { recipe } from "../../packages/core/src/engine/recipe.ts";
import { closeServer, listen } from "../../packages/local/src/listen.ts";
import { eventRecord } from "../../packages/local/src/s3/event.ts";
import { argsOf } from "./graph.ts";
import { graphOf } from "./graphs.ts";
import { bundleFunction } from "./lambda-bundle.ts";

const graph = await graphOf("production");
const build = graph.builds.find(({ functionID }) => functionID === "Invalidator");
if (!build) throw new Error("Production has no invalidator.");
const { imagesMax } = build.links.Distribution as { imagesMax: number };

/** CloudFront's endpoint: the requests that it got, and the status that it responds with. */
const received: { path: string; paths: string[]; signed: boolean }[] = [];
let status = 201;
const created = "<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>";
const refused =
  "<ErrorResponse><Error><Type>Sender</Type><Code>TooManyInvalidationsInProgress</Code></Error></ErrorResponse>";
let server: Server;
let url: string;
let file: string;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const paths = [...body.matchAll(/<Path>([^<]*)<\/Path>/g)].map(([, path = ""]) => path);
    expect(body).toContain(`<Quantity>${paths.length}</Quantity>`);
    const signed = /Credential=local\/\d+\/us-east-1\/cloudfront\//.test(request.headers.authorization ?? "");
    received.push({ path: `${request.method} ${request.url}`, paths, signed });
    response.writeHead(status, { "content-type": "text/xml" }).end(status === 201 ? created : refused);
  });
  url = await listen(server, 0);
  ({ file } = await bundleFunction(build));
});
afterAll(() => closeServer(server, 0));
beforeEach(() => {
  received.length = 0;
  status = 201;
});

/** Runs the deployed bundle on the events of deleted objects. */
async function run(keys: string[]): Promise<void> {
  const Records = keys.map((key, n) => {
    const removed = {
      bucket: "processed",
      key,
      name: "ObjectRemoved:Delete",
      eTag: "0",
      sequencer: "1",
    } as const;
    const body = JSON.stringify({ Records: [eventRecord({ ...removed, time: new Date(0) }, "us-east-1")] });
    return { messageId: String(n), body };
  });
  const script = `const { handler } = await import(${JSON.stringify(file)}); await handler(${JSON.stringify({ Records })});`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: {
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local-secret",
      AWS_ENDPOINT_URL_CLOUDFRONT: url,
      SST_RESOURCE_App: "{}",
      SST_RESOURCE_Distribution: JSON.stringify({ id: "E1", imagesMax }),
    },
  });
}

const keysOf = (count: number) => Array.from({ length: count }, (_, n) => `img_${n}/1-abcd/thumbnail.webp`);

test("a deleted image is invalidated under the URL of viewers and under the one that the router makes of it", async () => {
  await run(["img_01/1-abcd/thumbnail.webp", "img_01/1-abcd/thumbnail.webp"]);
  expect(received).toEqual([
    {
      path: "POST /2020-05-31/distribution/E1/invalidation",
      paths: ["/media/img_01/1-abcd/*", "/img_01/1-abcd/*"],
      signed: true,
    },
  ]);
});

test("a private image is invalidated under its owner", async () => {
  await run(["private/default/img_01/1-abcd/thumbnail.webp"]);
  expect(received[0]?.paths).toEqual([
    "/media/private/default/img_01/1-abcd/*",
    "/private/default/img_01/1-abcd/*",
  ]);
});

test("a batch stays within CloudFront's 15 wildcard paths at a time", async () => {
  await run(keysOf(imagesMax));
  await run(keysOf(imagesMax + 1));
  expect(received.map(({ paths }) => paths.length)).toEqual([2 * imagesMax, 3]);
  expect(2 * imagesMax).toBeLessThanOrEqual(15);
  expect(received[1]?.paths).toEqual(["/media/*", "/img_*", "/private/*"]);
});

test("keys that are no variant's, and S3's test event, invalidate nothing", async () => {
  await run(["../x/thumbnail.webp", "img_01/thumbnail.webp", "img_1/<Path>/thumbnail.webp"]);
  expect(received).toEqual([]);
});

test("a refusal fails the batch, which the queue then delivers again", async () => {
  status = 400;
  await expect(run(keysOf(1))).rejects.toThrow("TooManyInvalidationsInProgress");
});

test("the notification is filtered by the file of a variant that the recipe makes", () => {
  const { queues } = argsOf(graph, /bucketNotification:/, "ProcessedNotificationsNotification");
  expect(queues).toEqual([
    expect.objectContaining({
      filterSuffix: "/thumbnail.webp",
      events: ["s3:ObjectRemoved:DeleteMarkerCreated", "s3:LifecycleExpiration:DeleteMarkerCreated"],
    }),
  ]);
  expect(Object.keys(recipe)).toContain("thumbnail");
});
