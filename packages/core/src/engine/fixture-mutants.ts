/** Broken images from a seed, without end: small images of every format with bytes changed, cut, repeated and swapped. */
import { crc32 } from "node:zlib";
import { phoneExif, photo } from "../fixture.ts";
import { randomFrom } from "../fixture-random.ts";
import { bytes, gif, png, riff, times, vp8x, webp } from "./fixture-bytes.ts";
import { heic } from "./fixture-heic.ts";

/** A broken file; `name` is enough to generate it again. */
export type Mutant = { name: string; bytes: Buffer };

const size = { width: 32, height: 24 };

/** The images to mutate: a few hundred bytes to a few kilobytes each, so that most mutations hit structure. */
async function originals(): Promise<Buffer[]> {
  const framed = riff(
    "ANMF",
    bytes(Buffer.alloc(12), times(4, Buffer.alloc(1)), riff("VP8L", [0x2f, 0, 0, 0, 0])),
  );
  return Promise.all([
    photo({ ...size, exif: phoneExif, orientation: 6 }),
    photo({ ...size, progressive: true, profile: "p3" }),
    photo({ ...size, format: "png", alpha: true }),
    photo({ ...size, format: "png", progressive: true }),
    photo({ ...size, format: "webp" }),
    photo({ ...size, format: "webp", alpha: true }),
    photo({ ...size, format: "avif" }),
    photo({ ...size, format: "gif" }),
    photo({ ...size, format: "tiff", exif: phoneExif, orientation: 6 }),
    png(40, 30, { depth: 16, color: 6 }),
    png(40, 30, { depth: 1, color: 0, interlace: 1 }),
    gif(9, 7, { frames: 5 }),
    webp(vp8x(4, 4, 2), riff("ANIM", Buffer.alloc(6)), framed, framed),
  ]);
}

/** Values at which integer arithmetic overflows. */
const edges = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** Mutants number `from` up to `from + count` of a seed; each depends on its own number alone. */
export async function* mutants(seed: number, from: number, count: number): AsyncGenerator<Mutant> {
  const seeds = await originals();
  const phone = heic({ rotate: 1, colour: 12, exif: Buffer.from("II*\0\x08\0\0\0\0\0\0\0", "latin1") });
  for (let number = from; number < from + count; number++) {
    const random = randomFrom(seed * 1_000_003 + number);
    const below = (limit: number) => Math.floor(random() * limit);
    // Few HEIC mutants: each one that passes the header check starts a decoder thread.
    const original = below(200) === 0 ? phone : seeds[below(seeds.length)];
    let file: Buffer = Buffer.from(original ?? []);
    for (let change = below(6); change >= 0; change--) file = changed(file, seeds, below);
    // A PNG reader stops at a wrong checksum; half of the mutants get correct ones, to reach the code behind it.
    if (below(2) === 0) file = resealed(file);
    yield { name: `seed ${seed}, number ${number}`, bytes: file };
  }
}

function changed(file: Buffer, seeds: readonly Buffer[], below: (limit: number) => number): Buffer {
  if (file.length < 8) return bytes(file, Buffer.alloc(8, below(256)));
  const at = below(file.length - 4);
  const length = 1 + below(Math.min(64, file.length - at));
  switch (below(8)) {
    case 0:
      file[at] = below(256);
      return file;
    case 1:
      file[at] = (file[at] ?? 0) ^ (1 << below(8));
      return file;
    case 2:
      file.writeUInt16BE((edges[below(edges.length)] ?? 0) & 0xffff, at);
      return file;
    case 3:
      file.writeUInt32BE(edges[below(edges.length)] ?? 0, at);
      return file;
    case 4:
      file.writeUInt32LE(edges[below(edges.length)] ?? 0, at);
      return file;
    case 5:
      return bytes(file.subarray(0, at), file.subarray(at + length));
    case 6:
      return bytes(file.subarray(0, at), file.subarray(at, at + length), file.subarray(at));
    default: {
      const other = seeds[below(seeds.length)] ?? file;
      const start = below(other.length);
      return bytes(file.subarray(0, at), other.subarray(start, start + length), file.subarray(at + length));
    }
  }
}

/** Corrects the checksums of a PNG as far as its chunks can be parsed; returns other files unchanged. */
function resealed(file: Buffer): Buffer {
  for (let at = 8; file.toString("latin1", 0, 4) === "\x89PNG" && at + 12 <= file.length; ) {
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length) break;
    file.writeUInt32BE(crc32(file.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return file;
}
