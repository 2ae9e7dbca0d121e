import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { photo } from "@image-pipeline/core/fixture";
import { build } from "esbuild";
import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBrowser } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { startWorld, type World } from "./fixture.ts";

/** The page's script: unmodified Uppy and one line of configuration. */
const script = `
  import Uppy from "@uppy/core";
  import AwsS3 from "@uppy/aws-s3";
  globalThis.send = async (api, base64, name, shouldUseMultipart, isSized) => {
    const asked = [];
    const data = await (await fetch("data:image/jpeg;base64," + base64)).blob();
    // The size of a part, which Uppy does not say; its parts have 5 MiB.
    const chunk = 5 * 1024 * 1024;
    const bytesOf = ({ partNumber }) =>
      partNumber ? Math.min(chunk, data.size - (partNumber - 1) * chunk) : isSized ? data.size : undefined;
    const uppy = new Uppy().use(AwsS3, {
      shouldUseMultipart,
      signRequest: async (request) => {
        asked.push(request.method);
        const headers = { "content-type": "application/json" };
        const response = await fetch(api + "/uploads/sign", { method: "POST", headers, body: JSON.stringify({ ...request, bytes: bytesOf(request) }) });
        if (!response.ok) throw new Error(await response.text());
        const signed = await response.json();
        if (signed.fields) asked.push("form");
        return signed;
      },
    });
    uppy.addFile({ name, type: "image/jpeg", data });
    const { successful, failed } = await uppy.upload();
    return { asked, keys: successful.map((file) => file.response.body.key), failed: failed.map((file) => String(file.error)) };
  };
`;

type Sent = { asked: string[]; keys: string[]; failed: string[] };
declare const send: (
  api: string,
  base64: string,
  name: string,
  multipart: boolean,
  sized: boolean,
) => Promise<Sent>;

let world: World;
let site: Server;
let context: BrowserContext;
let close: () => Promise<void>;
let origin: string;

describeWith("chromium", "Uppy 6, unmodified, in Chromium", () => {
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: script, resolveDir: import.meta.dirname },
      bundle: true,
      format: "iife",
      write: false,
    });
    site = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? outputFiles[0]?.text : '<!doctype html><script src="/page.js"></script>');
    });
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    world = await startWorld({ anonymous: true, corsOrigins: [origin] });
    ({ context, close } = await startBrowser());
  }, 60_000);

  afterAll(async () => {
    await close();
    await world.stop();
    await new Promise((resolve) => site.close(resolve));
  });

  async function upload(file: Buffer, multipart: boolean, sized = false): Promise<Sent> {
    const page = await context.newPage();
    await page.goto(origin);
    const args = [world.url, file.toString("base64"), multipart, sized] as const;
    const sent = await page.evaluate(
      ([api, base64, parts, size]) => send(api, base64, "boat.jpg", parts, size),
      args,
    );
    await page.close();
    return sent;
  }

  async function imageOf(key: string | undefined) {
    const response = await world.ask(`/images/${key?.slice(key.indexOf("/") + 1)}?wait=20`);
    return (await response.json()) as { status: string; filename: string; source: { bytes: number } };
  }

  test("sends a small file as a form", async () => {
    const file = await photo({ width: 400, height: 300 });
    const { asked, keys, failed } = await upload(file, false);
    expect({ asked, failed }).toEqual({ asked: ["PUT", "form"], failed: [] });
    expect(await imageOf(keys[0])).toMatchObject({
      status: "ready",
      filename: "boat.jpg",
      source: { bytes: file.length },
    });
  });

  test("sends a small file as the body of a PUT, where the app says how large it is", async () => {
    const file = await photo({ width: 410, height: 300 });
    const { asked, keys, failed } = await upload(file, false, true);
    expect({ asked, failed }).toEqual({ asked: ["PUT"], failed: [] });
    expect(await imageOf(keys[0])).toMatchObject({
      status: "ready",
      filename: "boat.jpg",
      source: { bytes: file.length },
    });
  });

  test("sends a large file in parts", async () => {
    // A photo with 6 MB after its end, which decoders ignore, because S3 requires parts of at least 5 MB.
    const file = Buffer.concat([await photo({ width: 400, height: 300 }), Buffer.alloc(6_000_000)]);
    const { asked, keys, failed } = await upload(file, true);
    expect({ asked, failed }).toEqual({ asked: ["POST", "PUT", "PUT", "POST"], failed: [] });
    expect(await imageOf(keys[0])).toMatchObject({ filename: "boat.jpg", source: { bytes: file.length } });
  });

  // `attacks.test.ts` has the pages of other sites, which are refused.
  test("calls the API from any origin of this machine", async () => {
    const page = await context.newPage();
    await page.goto(origin.replace("127.0.0.1", "localhost"));
    const answer = await page.evaluate(
      (api) =>
        fetch(`${api}/images`).then(
          () => "let in",
          (error) => String(error),
        ),
      world.url,
    );
    await page.close();
    expect(answer).toBe("let in");
  });
});
