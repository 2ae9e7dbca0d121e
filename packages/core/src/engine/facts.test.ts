import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Settings } from "../settings.ts";
import { readExif } from "./facts.ts";
import { bytes, chunk, png } from "./fixture-bytes.ts";
import { render } from "./render.ts";

const { exifBytesMax } = Settings.pipelineDefaults;

type Value = string | number[] | Buffer;

/** A little-endian EXIF block of ASCII (string), rational (number[]) and raw (Buffer) entries. */
function block(...directories: Record<number, Value>[]): Buffer {
  const parts: Buffer[] = [Buffer.from("Exif\0\0II*\0\x08\0\0\0", "latin1")];
  const starts = directories.map(() => 0);
  let end = 8;
  for (const [i, entries] of directories.entries()) {
    starts[i] = end;
    end += 2 + Object.keys(entries).length * 12 + 4;
  }
  const pointers: Record<number, number | undefined> = { 34665: starts[1], 34853: starts[2] };
  const tails: Buffer[] = [];
  for (const entries of directories) {
    const table = Buffer.alloc(2 + Object.keys(entries).length * 12 + 4);
    table.writeUInt16LE(Object.keys(entries).length);
    for (const [i, [key, value]] of Object.entries(entries).entries()) {
      const at = 2 + i * 12;
      table.writeUInt16LE(Number(key), at);
      const pointer = pointers[Number(key)];
      if (pointer !== undefined) {
        table.writeUInt16LE(4, at + 2);
        table.writeUInt32LE(1, at + 4);
        table.writeUInt32LE(pointer, at + 8);
        continue;
      }
      const content = bytesOf(value);
      table.writeUInt16LE(typeof value === "string" ? 2 : Buffer.isBuffer(value) ? 1 : 5, at + 2);
      table.writeUInt32LE(Array.isArray(value) ? value.length : content.length, at + 4);
      if (content.length <= 4) content.copy(table, at + 8);
      else {
        table.writeUInt32LE(end, at + 8);
        tails.push(content);
        end += content.length;
      }
    }
    parts.push(table);
  }
  return Buffer.concat([...parts, ...tails]);
}

function bytesOf(value: Value): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === "string") return Buffer.from(`${value}\0`, "utf8");
  const out = Buffer.alloc(value.length * 8);
  for (const [i, part] of value.entries()) {
    out.writeUInt32LE(Math.round(part * 1000), i * 8);
    out.writeUInt32LE(1000, i * 8 + 4);
  }
  return out;
}

const pointers = { 34665: "", 34853: "" };
const bern = { 1: "N", 2: [46, 56, 52.8], 3: "E", 4: [7, 26, 49.2], 5: Buffer.from([0]), 6: [540] };

describe("when a photo was taken", () => {
  const takenAtOf = (photo: Record<number, Value>, image: Record<number, Value> = {}) =>
    readExif(block({ ...pointers, ...image }, photo, {}), { location: false, exifBytesMax }).takenAt;

  test.each([
    [
      "with a second NUL, as Nikon and Canon write it",
      { 36867: "2023:09:25 08:33:30\0" },
      "2023-09-25T08:33:30",
    ],
    ["with blanks behind it", { 36867: "2023:09:25 08:33:30  " }, "2023-09-25T08:33:30"],
    ["with an offset", { 36867: "2023:09:25 08:33:30", 36881: "+02:00" }, "2023-09-25T08:33:30+02:00"],
    ["in a 13th month", { 36867: "2022:13:05 10:00:00" }, undefined],
    ["on the 30th of February", { 36867: "2022:02:30 10:00:00" }, undefined],
    ["in an hour that no day has", { 36867: "2022:02:20 24:00:00" }, undefined],
    ["as zeros", { 36867: "0000:00:00 00:00:00" }, undefined],
    ["as blanks", { 36867: "    :  :     :  :  " }, undefined],
    [
      "by the time of digitizing",
      { 36867: "0000:00:00 00:00:00", 36868: "2020:01:02 03:04:05" },
      "2020-01-02T03:04:05",
    ],
  ])("is read %s", (_, tags, wanted) => expect(takenAtOf(tags)).toBe(wanted));

  test("falls back to the time of the file", () => {
    expect(takenAtOf({}, { 306: "2019:12:31 23:59:59" })).toBe("2019-12-31T23:59:59");
    expect(takenAtOf({ 36868: "2020:01:02 03:04:05" }, { 306: "2019:12:31 23:59:59" })).toBe(
      "2020-01-02T03:04:05",
    );
  });

  test("is read through a pointer of type IFD", () => {
    const tags = block({ ...pointers }, { 36867: "2023:09:25 08:33:30" }, {});
    const entry = tags.indexOf(Buffer.from([0x69, 0x87, 4, 0]));
    tags.writeUInt16LE(13, entry + 2);
    expect(readExif(tags, { location: false, exifBytesMax }).takenAt).toBe("2023-09-25T08:33:30");
  });

  test("is read from a PNG with ImageMagick's text", async () => {
    const tags = block({ ...pointers }, { 36867: "2023:09:25 08:33:30" }, {});
    const text = `\nexif\n${String(tags.length).padStart(8)}\n${tags.toString("hex").replace(/.{72}/g, "$&\n")}\n`;
    for (const before of [
      chunk("tEXt", bytes("Raw profile type exif\0", text)),
      chunk("zTXt", bytes("Raw profile type exif\0\0", deflateSync(text))),
    ]) {
      const { source } = await render(png(8, 8, { before }), Settings.pipelineDefaults);
      expect(source.takenAt).toBe("2023-09-25T08:33:30");
    }
  });
});

test("a text ends at its first NUL", () => {
  const tags = block({ ...pointers, 271: "Canon\0garbage", 272: "EOS R5\0\0\0" }, {}, {});
  expect(readExif(tags, { location: false, exifBytesMax }).camera).toBe("Canon EOS R5");
});

describe("what the camera wrote", () => {
  test("time with its offset, camera and lens", () => {
    const tags = block(
      { 271: "FUJIFILM", 272: "X100V", ...pointers },
      { 36867: "2024:05:17 18:03:22", 36881: "+02:00", 42036: "23 mm f/2" },
      {},
    );
    expect(readExif(tags, { location: true, exifBytesMax })).toEqual({
      takenAt: "2024-05-17T18:03:22+02:00",
      camera: "FUJIFILM X100V",
      lens: "23 mm f/2",
    });
  });

  test("a time without an offset stays without one", () => {
    const tags = block({ ...pointers }, { 36867: "2024:05:17 18:03:22" }, {});
    expect(readExif(tags, { location: false, exifBytesMax })).toEqual({
      takenAt: "2024-05-17T18:03:22",
    });
  });

  test("a maker that the model names already is not named twice", () => {
    const tags = block({ 271: "Canon", 272: "Canon EOS R5" });
    expect(readExif(tags, { location: false, exifBytesMax })).toEqual({ camera: "Canon EOS R5" });
  });

  test("the GPS position is returned only if the settings ask for it", () => {
    const tags = block({ ...pointers }, {}, bern);
    expect(readExif(tags, { location: false, exifBytesMax })).toEqual({});
    expect(readExif(tags, { location: true, exifBytesMax })).toEqual({
      location: { latitude: 46.948, longitude: 7.447, altitude: 540 },
    });
  });

  test("south, west and below the sea are negative", () => {
    const tags = block({ ...pointers }, {}, { ...bern, 1: "S", 3: "W", 5: Buffer.from([1]) });
    expect(readExif(tags, { location: true, exifBytesMax }).location).toEqual({
      latitude: -46.948,
      longitude: -7.447,
      altitude: -540,
    });
  });
});

describe("implausible values", () => {
  test.each([
    ["nothing", undefined],
    ["an empty block", Buffer.alloc(0)],
    ["noise", Buffer.from("Exif\0\0 but nothing else of it")],
    ["a block cut off", block({ 272: "A model of some length" }).subarray(0, 22)],
    ["no entries", block({})],
  ])("%s tells nothing and harms nothing", (_, bytes) => {
    expect(readExif(bytes, { location: true, exifBytesMax })).toEqual({});
  });

  test("a time of a camera whose clock was never set", () => {
    expect(
      readExif(block({ ...pointers }, { 36867: "0000:00:00 00:00:00" }, {}), {
        location: false,
        exifBytesMax,
      }),
    ).toEqual({});
  });

  test("an offset that is none", () => {
    const tags = block({ ...pointers }, { 36867: "2024:05:17 18:03:22", 36881: "Z<script>" }, {});
    expect(readExif(tags, { location: false, exifBytesMax }).takenAt).toBe("2024-05-17T18:03:22");
  });

  test("a place beyond the poles", () => {
    const tags = block({ ...pointers }, {}, { ...bern, 2: [91, 0, 0] });
    expect(readExif(tags, { location: true, exifBytesMax })).toEqual({});
  });

  test("names come without control characters, and no longer than a name is", () => {
    const tags = block({ 272: `Model\u0007\n\u202e1 ${"x".repeat(5000)}` });
    const { camera = "" } = readExif(tags, { location: false, exifBytesMax });
    expect(camera).toMatch(/^Model 1 x+$/);
    expect(camera.length).toBe(100);
  });
});
