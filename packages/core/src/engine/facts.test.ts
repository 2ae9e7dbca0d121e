import { describe, expect, test } from "vitest";
import { readExif } from "./facts.ts";

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
      const bytes = bytesOf(value);
      table.writeUInt16LE(typeof value === "string" ? 2 : Buffer.isBuffer(value) ? 1 : 5, at + 2);
      table.writeUInt32LE(Array.isArray(value) ? value.length : bytes.length, at + 4);
      if (bytes.length <= 4) bytes.copy(table, at + 8);
      else {
        table.writeUInt32LE(end, at + 8);
        tails.push(bytes);
        end += bytes.length;
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

describe("what the camera wrote", () => {
  test("time with its offset, camera and lens", () => {
    const tags = block(
      { 271: "FUJIFILM", 272: "X100V", ...pointers },
      { 36867: "2024:05:17 18:03:22", 36881: "+02:00", 42036: "23 mm f/2" },
      {},
    );
    expect(readExif(tags, { location: true })).toEqual({
      takenAt: "2024-05-17T18:03:22+02:00",
      camera: "FUJIFILM X100V",
      lens: "23 mm f/2",
    });
  });

  test("a time without an offset stays without one", () => {
    const tags = block({ ...pointers }, { 36867: "2024:05:17 18:03:22" }, {});
    expect(readExif(tags, { location: false })).toEqual({ takenAt: "2024-05-17T18:03:22" });
  });

  test("a maker that the model names already is not named twice", () => {
    const tags = block({ 271: "Canon", 272: "Canon EOS R5" });
    expect(readExif(tags, { location: false })).toEqual({ camera: "Canon EOS R5" });
  });

  test("the place is told only where the settings ask for it", () => {
    const tags = block({ ...pointers }, {}, bern);
    expect(readExif(tags, { location: false })).toEqual({});
    expect(readExif(tags, { location: true })).toEqual({
      location: { latitude: 46.948, longitude: 7.447, altitude: 540 },
    });
  });

  test("south, west and below the sea are negative", () => {
    const tags = block({ ...pointers }, {}, { ...bern, 1: "S", 3: "W", 5: Buffer.from([1]) });
    expect(readExif(tags, { location: true }).location).toEqual({
      latitude: -46.948,
      longitude: -7.447,
      altitude: -540,
    });
  });
});

describe("what nobody should believe", () => {
  test.each([
    ["nothing", undefined],
    ["an empty block", Buffer.alloc(0)],
    ["noise", Buffer.from("Exif\0\0 but nothing else of it")],
    ["a block cut off", block({ 272: "A model of some length" }).subarray(0, 22)],
    ["no entries", block({})],
  ])("%s tells nothing and harms nothing", (_, bytes) => {
    expect(readExif(bytes, { location: true })).toEqual({});
  });

  test("a time of a camera whose clock was never set", () => {
    expect(
      readExif(block({ ...pointers }, { 36867: "0000:00:00 00:00:00" }, {}), { location: false }),
    ).toEqual({});
  });

  test("an offset that is none", () => {
    const tags = block({ ...pointers }, { 36867: "2024:05:17 18:03:22", 36881: "Z<script>" }, {});
    expect(readExif(tags, { location: false }).takenAt).toBe("2024-05-17T18:03:22");
  });

  test("a place beyond the poles", () => {
    const tags = block({ ...pointers }, {}, { ...bern, 2: [91, 0, 0] });
    expect(readExif(tags, { location: true })).toEqual({});
  });

  test("names come without control characters, and no longer than a name is", () => {
    const tags = block({ 272: `Model\u0007\n\u202e1 ${"x".repeat(5000)}` });
    const { camera = "" } = readExif(tags, { location: false });
    expect(camera).toMatch(/^Model 1 x+$/);
    expect(camera.length).toBe(100);
  });
});
