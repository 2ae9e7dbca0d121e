/** The Kotlin library against a running stack: uploads, kills, faults of the network, errors by code. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { codes as rejectionCodes } from "@image-pipeline/core/engine/rejection";
import { codes } from "@image-pipeline/core/error";
import { photo } from "@image-pipeline/core/fixture";
import sharp from "sharp";
import { rgbaToThumbHash, thumbHashToRGBA } from "thumbhash";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { describeWith } from "../needs.ts";
import { build, type Line, type Phone, startPhone } from "./phone.fixture.ts";

let classpath: string;
let cloud: TestCloud;
let phone: Phone;
let portal: Server;
let portalUrl: string;
let limited = 0;

const limits = { pendingMax: 0, uploadsPerDayMax: 0, bytesPerDayMax: 0 };

async function setUp(): Promise<void> {
  [classpath, cloud] = await Promise.all([
    build(),
    startTestCloud({ anonymous: true, ...limits, changesPerDayMax: 1_000, trashDays: 1 }),
  ]);
  phone = startPhone(classpath);
  // A network whose gateway answers every request, as a captive portal and a limiter do.
  portal = createServer((request, response) => {
    request.resume();
    if (!request.url?.startsWith("/limited")) return void response.end("<html>Sign in</html>");
    limited++;
    const problem = {
      type: "about:blank",
      title: "Later.",
      status: 429,
      code: "quota_exceeded",
      requestId: "1",
    };
    response.writeHead(429, { "content-type": "application/problem+json", "retry-after": "60" });
    response.end(JSON.stringify(problem));
  });
  await new Promise<void>((resolve) => portal.listen(0, "127.0.0.1", resolve));
  portalUrl = `http://127.0.0.1:${(portal.address() as AddressInfo).port}`;
}

async function tearDown(): Promise<void> {
  portal?.close();
  await phone?.stop();
  await cloud?.stop();
}

let count = 0;

/** Writes a photo of other bytes than any before, and returns the command that adds it to the queue of a new folder. */
async function addition(bytes?: Buffer): Promise<{ folder: string; tag: string; add: string }> {
  const tag = `tag-${++count}`;
  const folder = join(cloud.folder, tag);
  const file = `${folder}.jpg`;
  await writeFile(file, bytes ?? Buffer.concat([await photo({ width: 320, height: 240 }), randomBytes(16)]));
  return { folder, tag, add: `add ${folder} ${file} image/jpeg ${tag}` };
}

/** Adds a photo to the queue of a new folder of the shared phone. */
async function added(bytes?: Buffer): Promise<{ folder: string; tag: string }> {
  const { add, ...rest } = await addition(bytes);
  await phone.ask(`api ${cloud.url}`);
  await phone.ask(add);
  return rest;
}

const last = (lines: Line[]) => lines.at(-1);
const requestsOf = (lines: Line[]) => lines.flatMap(({ request }) => request ?? []);
const responsesOf = (lines: Line[]) => lines.flatMap(({ response }) => response ?? []);

/** Returns what a command printed, without its requests. */
const said = async (command: string): Promise<Line[]> =>
  (await phone.ask(command)).filter((line) => !("request" in line) && !("response" in line));

/** Returns the images with a tag, in their final state. */
async function imagesOf(tag: string): Promise<{ id: string; status: string; filename: string }[]> {
  await cloud.settled();
  return (await (await fetch(`${cloud.url}/images?tag=${tag}`)).json()).items;
}

/** Uploads a file with a fault of its first PUT, and returns the results of the two runs. */
async function faulty(fault: string): Promise<{ first?: Line; second: Line[]; tag: string }> {
  const { folder, tag } = await added();
  await phone.ask(`fault ${fault}`);
  const first = last(await phone.ask(`run ${folder}`));
  return { first, second: await phone.ask(`run ${folder}`), tag };
}

/** Runs one upload of a folder in a process that is killed at a step or after a request. Returns the lines of the run. */
async function killed(folder: string, add: string, properties: Record<string, string | number>) {
  const victim = startPhone(classpath, properties);
  await victim.ask(`api ${cloud.url}`);
  const lines = [await victim.ask(add), await victim.ask(`run ${folder}`), await victim.ask("steps")].flat();
  await victim.stop();
  return lines;
}

describeWith(["jdk", "maven"], "the Kotlin library", () => {
  beforeAll(setUp, 500_000);
  afterAll(tearDown);

  test("compiles as its README says, passes the shared vectors, and uploads a photo", async () => {
    const { folder, tag } = await added();
    const done = last(await phone.ask(`finish ${folder}`));
    expect(done).toMatchObject({ result: "success", state: "UPLOADED", files: "0" });
    expect(last(await phone.ask(`wait ${done?.imageID}`))).toEqual({ status: "ready", code: null });
    expect(await imagesOf(tag)).toMatchObject([
      {
        ...{ id: done?.imageID, status: "ready", filename: `${tag}.jpg`, focus: { x: 0.5, y: 0.5 } },
        regions: [{ x: 0.5, y: 0.5, width: 0.5, height: 0.5, kind: "face" }],
      },
    ]);
    await phone.ask(`dismiss ${folder}`);
    expect(last(await phone.ask(`run ${folder}`))).toMatchObject({
      result: "success",
      imageID: null,
      state: null,
    });
  });

  test("sends no bytes that S3 has", async () => {
    const bytes = Buffer.concat([await photo({ width: 320, height: 240 }), randomBytes(16)]);
    const [one, other] = [await added(bytes), await added(bytes)];
    const first = last(await phone.ask(`finish ${one.folder}`));
    await phone.ask(`wait ${first?.imageID}`);
    const lines = await phone.ask(`finish ${other.folder}`);
    expect(requestsOf(lines)).toEqual(["POST images"]);
    expect(await imagesOf(other.tag)).toMatchObject([{ status: "ready" }]);
  });

  test("takes the 412 of a repeated PUT as success", async () => {
    const { folder, tag } = await added();
    await phone.ask("fault repeat");
    const lines = await phone.ask(`run ${folder}`);
    expect(responsesOf(lines).slice(-2)).toEqual(["200", "412"]);
    expect(last(lines)).toMatchObject({ result: "success", state: "UPLOADED", files: "0" });
    expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);
  });

  test("a PUT whose response was lost leads to one image", async () => {
    const { first, second, tag } = await faulty("lose");
    expect(first).toMatchObject({ result: "retry", state: "OFFLINE", code: "NETWORK_ERROR", files: "1" });
    expect(last(second)).toMatchObject({ result: "success", state: "UPLOADED", files: "0" });
    expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);
  });

  test("renews an expired URL under the same idempotency key", async () => {
    const { first, second, tag } = await faulty("expire");
    expect(first).toMatchObject({ result: "retry", state: "WAITING", code: "UPLOAD_REFUSED" });
    expect(requestsOf(second).map((request) => request.split(" ")[0])).toEqual(["GET", "POST", "PUT"]);
    expect(last(second)).toMatchObject({ result: "success" });
    expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);
  });

  test("does not take a captive portal's HTML with 200 for success, of S3 or of the API", async () => {
    const { first, second, tag } = await faulty(`${portalUrl}/photo`);
    expect(first).toMatchObject({ result: "retry", state: "WAITING", code: "UPLOAD_REFUSED" });
    expect(last(second)).toMatchObject({ result: "success" });
    expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);

    const { folder } = await added();
    await phone.ask(`api ${portalUrl}`);
    expect(last(await phone.ask(`run ${folder}`))).toMatchObject({
      result: "retry",
      state: "WAITING",
      code: "UNEXPECTED_ANSWER",
    });
    await phone.ask(`api ${cloud.url}`);
    expect(last(await phone.ask(`run ${folder}`))).toMatchObject({ result: "success" });
  });

  test("waits as long as Retry-After says, also after a restart", async () => {
    const { folder } = await added();
    await phone.ask(`api ${portalUrl}/limited`);
    expect(last(await phone.ask(`run ${folder}`))).toMatchObject({
      result: "retry",
      delayMs: "60000",
      code: "QUOTA_EXCEEDED",
    });
    const restarted = startPhone(classpath);
    await restarted.ask(`api ${portalUrl}/limited`);
    const [only, ...others] = await restarted.ask(`run ${folder}`);
    await restarted.stop();
    expect(only).toMatchObject({ result: "retry", code: "QUOTA_EXCEEDED" });
    expect(Number(only?.delayMs)).toBeGreaterThan(0);
    expect([others, limited]).toEqual([[], 1]);
  });

  test("an upload in parts that was killed sends only the parts that S3 does not have", async () => {
    const { width, height } = { width: 2400, height: 2400 };
    const noise = sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });
    const { folder, tag, add } = await addition(await noise.png({ compressionLevel: 0 }).toBuffer());
    const killedLines = await killed(folder, add, { haltAfter: "PUT 2" });
    expect(last(killedLines)).toEqual({ halted: "after PUT 2" });
    await phone.ask(`api ${cloud.url}`);
    const lines = await phone.ask(`finish ${folder}`);
    const sent = requestsOf(lines).filter((request) => request.endsWith("uploads"));
    expect(sent).toEqual(["GET uploads", "PUT 3 uploads", "GET uploads", "POST uploads"]);
    expect(last(lines)).toMatchObject({ result: "success", files: "0" });
    expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);
  }, 60_000);

  test("killed after every step, each photo is on the server exactly once", async () => {
    const dry = await addition();
    const lines = await killed(dry.folder, dry.add, {});
    const steps = Number(last(lines)?.steps);
    expect(steps).toBe(11);
    const runs = await Promise.all(Array.from({ length: steps }, () => addition()));
    const waiting = runs.map((run, index) => ({ ...run, halt: index + 1 }));
    const halted: string[] = [];
    const worker = async () => {
      for (let run = waiting.shift(); run; run = waiting.shift()) {
        const { folder, add, halt } = run;
        halted.push(last(await killed(folder, add, { halt }))?.halted ?? "not halted");
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    expect(new Set(halted).size).toBe(steps);
    await phone.ask(`api ${cloud.url}`);
    for (const { folder, tag } of runs) {
      expect(last(await phone.ask(`finish ${folder}`))).toMatchObject({ result: "success", files: "0" });
      expect(await imagesOf(tag)).toMatchObject([{ status: "ready" }]);
    }
  }, 120_000);

  test("a cancelled upload deletes its image, and a cancellation survives an outage", async () => {
    const { folder, tag } = await added();
    await phone.ask(`fault ${portalUrl}/photo`);
    await phone.ask(`run ${folder}`);
    await phone.ask("api http://127.0.0.1:9");
    expect(last(await phone.ask(`cancel ${folder}`))).toMatchObject({ result: "retry", state: "CANCELLING" });
    await phone.ask(`api ${cloud.url}`);
    expect(last(await phone.ask(`finish ${folder}`))).toMatchObject({
      result: "success",
      imageID: null,
      files: "0",
    });
    expect(await imagesOf(tag)).toEqual([]);
    // Nor is it in the trash.
    expect(await imagesOf(`${tag}&status=trashed`)).toEqual([]);
  });

  test("changes, expires, trashes and restores images, and lists what has changed", async () => {
    const { folder } = await added();
    const { imageID: id } = last(await said(`finish ${folder}`)) ?? {};
    await said(`wait ${id}`);
    const [start] = await said("changes");
    const titled = last(await said(`retitle ${id} Harbour`));
    expect(titled).toMatchObject({ id, title: "Harbour", expiresAt: null });
    expect(last(await said(`retitle ${id} Late 1`))).toMatchObject({ code: "VERSION_CONFLICT" });
    const expiresAt = "2030-01-01T00:00:00Z";
    expect(last(await said(`expire ${id} ${expiresAt}`))).toMatchObject({ title: "Harbour", expiresAt });
    expect(last(await said(`keep ${id}`))).toMatchObject({ title: "Harbour", expiresAt: null });

    await said(`delete ${id}`);
    expect(last(await said(`get ${id}`))).toMatchObject({ status: "trashed", trashed: "true" });
    expect(last(await said(`restore ${id}`))).toMatchObject({ status: "pending", trashed: "false" });
    expect(last(await said(`wait ${id}`))).toMatchObject({ status: "ready" });
    const again = last(await said(`reprocess ${id}`));
    expect(again).toMatchObject({ status: "pending", title: "Harbour" });
    expect(last(await said(`wait ${id}`))).toMatchObject({ status: "ready" });

    const [page, ...changes] = await said(`changes ${start?.cursor}`);
    const { version } = last(await said(`get ${id}`)) ?? {};
    expect(changes).toContainEqual({ op: "upsert", id, version });
    expect(page?.cursor).not.toBe(start?.cursor);
    const [files, trail, pages] = await said(`look ${id}`);
    expect((await fetch(files?.original ?? "")).status).toBe(200);
    expect(trail?.events).toMatch(
      /^announced uploaded ready updated .*trashed restored ready reprocessed ready$/,
    );
    expect(pages).toMatchObject({ page: "1" });

    const missing = "img_00000000000000000000000000";
    const [result, ...items] = await said(`batch ${id} ${missing}`);
    expect(result).toMatchObject({ failed: "1", statuses: "200 404 204" });
    expect(items.slice(0, 2)).toEqual([
      { title: "Batch", code: null },
      { title: null, code: "image_not_found" },
    ]);
    await said(`delete ${id} permanent`);
    expect(last(await said(`get ${id}`))).toMatchObject({ code: "IMAGE_NOT_FOUND" });
    const [, ...deletions] = await said(`changes ${page?.cursor}`);
    expect(deletions).toContainEqual(expect.objectContaining({ op: "delete", id }));

    const month = new Date().toISOString().slice(0, 7);
    const { days } = await (await fetch(`${cloud.url}/usage?month=${month}`)).json();
    const used = { month, days: `${days.length}`, day: days[0]?.date ?? null };
    expect(last(await said(`usage ${month}`))).toEqual(used);
    expect(last(await said("import http://127.0.0.1/a.jpg"))).toMatchObject({ code: "INVALID_REQUEST" });
  });

  test("reports every error by its code", async () => {
    await phone.ask(`api ${cloud.url}`);
    const { folder, add } = await addition(Buffer.from("no image"));
    await phone.ask(add.replace("image/jpeg", "text/plain"));
    const refused = { result: "failure", state: "FAILED", code: "UNSUPPORTED_FORMAT", files: "1" };
    expect(last(await phone.ask(`run ${folder}`))).toMatchObject(refused);
    expect(last(await phone.ask("create photo.jpg image/jpeg 99999999999"))).toMatchObject({
      code: "TOO_MANY_BYTES",
    });
    expect(last(await phone.ask("wait img_00000000000000000000000000"))).toMatchObject({
      code: "IMAGE_NOT_FOUND",
    });
    const damaged = await added(Buffer.from("no image either"));
    const { imageID } = last(await phone.ask(`finish ${damaged.folder}`)) ?? {};
    expect(last(await phone.ask(`wait ${imageID}`))).toEqual({
      status: "rejected",
      code: "unsupported_format",
    });

    const [errors, rejections] = (await phone.ask("codes")).map(({ codes = "" }) => codes?.split(" "));
    const local = [
      "network_error",
      "upload_refused",
      "timed_out",
      "unexpected_answer",
      "file_missing",
      "store_failed",
    ];
    expect(errors?.sort()).toEqual([...codes, ...local, "unknown"].sort());
    expect(rejections?.sort()).toEqual([...rejectionCodes, "processing_failed", "unknown"].sort());
  });

  test.each([
    ["a wide photo", 90, 60, 255],
    ["a high photo", 60, 90, 255],
    ["a square with alpha", 70, 70, 100],
    ["a wide image with alpha", 100, 40, 0],
    ["one colour", 5, 5, 255],
  ])(
    "decodes the ThumbHash of %s to the pixels of the reference implementation",
    async (_name, width, height, alpha) => {
      // Gradients in other directions for each channel: noise would average out and leave no chroma to compare.
      const rgba = Uint8Array.from({ length: width * height * 4 }, (_, index) => {
        const [x, y] = [(Math.floor(index / 4) % width) / width, Math.floor(index / 4 / width) / height];
        const color = [x, y, 1 - (x + y) / 2][index % 4];
        if (color === undefined) return x > y ? alpha : 255;
        return width === 5 ? 90 : Math.round(255 * color);
      });
      const hash = rgbaToThumbHash(width, height, rgba);
      const expected = thumbHashToRGBA(hash);
      const [pixels] = await phone.ask(`thumbhash ${Buffer.from(hash).toString("base64")}`);
      expect(pixels).toMatchObject({ width: `${expected.w}`, height: `${expected.h}` });
      const actual = Buffer.from(pixels?.rgba ?? "", "hex");
      expect(actual).toHaveLength(expected.rgba.length);
      // Cosines of the two runtimes differ in the last bit.
      expect(
        Math.max(...actual.map((value, index) => Math.abs(value - (expected.rgba[index] ?? 0)))),
      ).toBeLessThan(2);
    },
  );
});
