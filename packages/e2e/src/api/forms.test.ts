/** Uploads as a form: `POST /images` with `multipart/form-data`. */
import { randomBytes } from "node:crypto";
import { photo } from "@image-pipeline/core/fixture";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, startWorld, type World } from "./fixture.ts";

let world: World;
let jpeg: Buffer;
beforeAll(async () => {
  world = await startWorld({ anonymous: true, pendingMax: 0 });
  jpeg = await photo({ width: 400, height: 300 });
});
afterAll(() => world.stop());

type Fields = [name: string, value: string | Blob, filename?: string][];

function formOf(fields: Fields): FormData {
  const form = new FormData();
  for (const [name, value, filename] of fields) {
    if (typeof value === "string") form.append(name, value);
    else form.append(name, value, filename);
  }
  return form;
}
const fileOf = (bytes: Buffer, type = "image/jpeg") => new Blob([new Uint8Array(bytes)], { type });
const post = (body: FormData | string, headers: Record<string, string> = {}) =>
  fetch(`${world.url}/images`, { method: "POST", body, headers });
type Image = { id: string; status: string; filename: string };
const final = async ({ id }: Image) => (await world.ask(`/images/${id}?wait=20`)).json();

test("a file in a form becomes an image with the form's fields", async () => {
  const response = await post(
    formOf([
      ["title", "The lighthouse"],
      ["tags", "sea"],
      ["file", fileOf(jpeg, "IMAGE/JPG; x=y"), "über.jpg"],
      ["tags", "summer"],
      ["metadata", '{"album":"42"}'],
      ["focus", '{"x":0.25,"y":0.5}'],
      ["regions", '[{"x":0,"y":0,"width":0.5,"height":0.5,"kind":"face"}]'],
      ["alt", ""],
    ]),
  );
  expect(response.status).toBe(202);
  const image = (await response.json()) as Image;
  expect(response.headers.get("location")).toBe(`/images/${image.id}`);
  expect(image).not.toHaveProperty("upload");
  expect(await final(image)).toMatchObject({
    ...{ status: "ready", filename: "über.jpg", title: "The lighthouse", tags: ["sea", "summer"] },
    focus: { x: 0.25, y: 0.5 },
    regions: [{ x: 0, y: 0, width: 0.5, height: 0.5, kind: "face" }],
    ...{ metadata: { album: "42" }, source: { format: "jpeg", width: 400, bytes: jpeg.length } },
  });
});

test("a long file name is cut at its start, between characters", async () => {
  const nameOf = async (name: string) => {
    const response = await post(formOf([["file", fileOf(jpeg), name]]));
    expect(response.status).toBe(202);
    return ((await response.json()) as Image).filename;
  };
  expect(await nameOf(`${"😀".repeat(300)}.jpg`)).toBe(`${"😀".repeat(251)}.jpg`);
});

test("the bytes decide: a file of an unknown type is accepted, and one that is not an image is rejected", async () => {
  const png = await sharp(jpeg).png().toBuffer();
  const unknown = await post(formOf([["file", fileOf(png, ""), "photo"]]));
  expect(await final(await unknown.json())).toMatchObject({ status: "ready", source: { format: "png" } });
  const text = await post(formOf([["file", fileOf(Buffer.from("no image")), "a.jpg"]]));
  expect(await final(await text.json())).toMatchObject({
    ...{ status: "rejected", error: { code: "unsupported_format" } },
  });
});

test("a file larger than Lambda's requests is accepted on one machine", async () => {
  const raw = { width: 1_700, height: 1_700, channels: 3 } as const;
  const noise = await sharp(randomBytes(1_700 * 1_700 * 3), { raw })
    .png({ compressionLevel: 1 })
    .toBuffer();
  expect(noise.length).toBeGreaterThan(6_291_456);
  const response = await post(formOf([["file", fileOf(noise, "image/png"), "noise.png"]]));
  expect(await final(await response.json())).toMatchObject({
    status: "ready",
    source: { bytes: noise.length },
  });
});

test("a file over the limit of the stage is refused before it is read", async () => {
  const form = formOf([["file", fileOf(Buffer.alloc(27_000_000)), "big.jpg"]]);
  const response = await post(form);
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({
    code: "too_many_bytes",
    detail: expect.stringContaining("26214400 bytes"),
  });
});

test("a form that is sent again with its idempotency key is one image", async () => {
  const bytes = await photo({ width: 90, height: 60, seed: 7 });
  const send = (title: string) =>
    post(
      formOf([
        ["file", fileOf(bytes), "a.jpg"],
        ["title", title],
      ]),
      { "idempotency-key": "form-1" },
    );
  const [first, again, other] = [await send("a"), await send("a"), await send("b")];
  expect([first.status, again.status, await codeOf(other)]).toEqual([202, 202, "idempotency_key_reused"]);
  expect(((await again.json()) as Image).id).toBe(((await first.json()) as Image).id);
});

describe("refuses", () => {
  const file = (): Fields[number] => ["file", fileOf(jpeg), "a.jpg"];
  test.each<[string, () => Fields, string, string?]>([
    ["a form without a file", () => [["title", "x"]], "invalid_request", "/file"],
    ["a text in place of the file", () => [["file", "x"]], "invalid_request", "/file"],
    ["two files", () => [file(), file()], "invalid_request", "/file"],
    ["an empty file", () => [["file", fileOf(Buffer.alloc(0)), "a.jpg"]], "invalid_request", "/file"],
    ["an unknown field", () => [file(), ["colour", "x"]], "invalid_request", "/colour"],
    ["a field named __proto__", () => [file(), ["__proto__", "x"]], "invalid_request", "/__proto__"],
    ["two titles", () => [file(), ["title", "x"], ["title", "y"]], "invalid_request", "/title"],
    ["metadata that is not JSON", () => [file(), ["metadata", "x=1"]], "invalid_request", "/metadata"],
    ["a focal point that is not JSON", () => [file(), ["focus", "0.5,0.5"]], "invalid_request", "/focus"],
    [
      "a focal point outside the image",
      () => [file(), ["focus", '{"x":2,"y":0}']],
      "invalid_request",
      "/focus/x",
    ],
    [
      "an empty region",
      () => [file(), ["regions", '[{"x":0,"y":0,"width":0,"height":1}]']],
      "invalid_request",
      "/regions/0",
    ],
    ["a type that no image has", () => [["file", fileOf(jpeg, "text/html"), "a"]], "unsupported_format"],
  ])("%s", async (_, fields, code, pointer) => {
    const response = await post(formOf(fields()));
    const problem = (await response.json()) as { code: string; errors?: { pointer: string }[] };
    expect([problem.code, problem.errors?.[0]?.pointer]).toEqual([code, pointer]);
  });

  test("a body that is not a form", async () => {
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    expect(await codeOf(await post("not a form", headers))).toBe("invalid_request");
    expect(await codeOf(await post("", { "content-type": "multipart/form-data" }))).toBe("invalid_request");
  });
});
