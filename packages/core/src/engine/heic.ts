/**
 * Decodes HEIC as phones write it: HEVC tiles in a grid, rotated, with depth maps and thumbnails. sharp's prebuilt
 * libvips has no HEVC decoder, so libheif and libde265 run as WebAssembly (libheif-js), loaded on first use. They run
 * in a worker thread that is terminated on a timeout: WebAssembly cannot be interrupted from within.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Size } from "./plan.ts";

/** A decoded HEIC: the upright primary image as raw pixels, its colour profile and EXIF. */
export type Decoded = Size & {
  pixels: Buffer;
  channels: 3 | 4;
  /** An ICC profile. */
  profile?: Buffer;
  exif?: Buffer;
};

/** Message of the worker thread. `fault` is libheif's error message. */
type Answer = { decoded: Decoded } | { fault: string };

/** Error of a HEIC that is damaged or takes too long. */
export class HeicError extends Error {
  override readonly name = "HeicError";
  readonly why: "damaged" | "slow";

  constructor(why: "damaged" | "slow", message: string) {
    super(message);
    this.why = why;
  }
}

const require = createRequire(import.meta.url);

/** Compiled once for all threads: V8 keeps the optimised code with the module. */
let compiled: WebAssembly.Module | undefined;

/**
 * Decodes the primary image: at most `pixelsMax` pixels within `seconds`. Throws `HeicError`; any other error is ours,
 * such as out of memory.
 */
export async function decodeHeic(bytes: Uint8Array, pixelsMax: number, seconds: number): Promise<Decoded> {
  compiled ??= new WebAssembly.Module(
    await readFile(require.resolve("libheif-js/libheif-wasm/libheif.wasm")),
  );
  const script = require.resolve("libheif-js/libheif-wasm/libheif.js");
  const task: Task = { bytes, pixelsMax, script, module: compiled };
  // From source text, so that the function's bundle needs no second file.
  const worker = new Worker(`(${work})(require);`, {
    eval: true,
    workerData: task,
    stdout: true,
    stderr: true,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<Answer>((done, fail) => {
      worker.once("message", done);
      worker.once("error", fail);
      worker.once("exit", (code) => fail(new Error(`The HEIC decoder ended with code ${code}.`)));
      timer = setTimeout(
        () => fail(new HeicError("slow", `Not decoded within ${seconds} s.`)),
        seconds * 1000,
      );
    });
    if ("decoded" in answer) return asBuffers(answer.decoded);
    throw new HeicError("damaged", answer.fault);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** Restores the buffers that a message between threads turned into plain arrays. */
function asBuffers({ pixels, profile, exif, ...rest }: Decoded): Decoded {
  const buffer = (part: Uint8Array) => Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  return {
    ...rest,
    pixels: buffer(pixels),
    ...(profile ? { profile: buffer(profile) } : {}),
    ...(exif ? { exif: buffer(exif) } : {}),
  };
}

type Task = { bytes: Uint8Array; pixelsMax: number; script: string; module: WebAssembly.Module };

/** C functions of libheif. Numbers are addresses; the first argument points to the struct to return in. */
type Library = {
  HEAPU8: Uint8Array;
  HEAP32: Int32Array;
  _malloc(bytes: number): number;
  _heif_context_alloc(): number;
  _heif_context_get_security_limits(context: number): number;
  _heif_context_read_from_memory_without_copy(
    error: number,
    context: number,
    at: number,
    bytes: number,
    options: number,
  ): void;
  _heif_context_get_primary_image_handle(error: number, context: number, handle: number): void;
  _heif_image_handle_has_alpha_channel(handle: number): number;
  _heif_image_handle_get_raw_color_profile_size(handle: number): number;
  _heif_image_handle_get_raw_color_profile(error: number, handle: number, at: number): void;
  _heif_image_handle_get_list_of_metadata_block_IDs(
    handle: number,
    type: number,
    ids: number,
    count: number,
  ): number;
  _heif_image_handle_get_metadata_size(handle: number, id: number): number;
  _heif_image_handle_get_metadata(error: number, handle: number, id: number, at: number): void;
  _heif_decode_image(
    error: number,
    handle: number,
    image: number,
    colours: number,
    chroma: number,
    options: number,
  ): void;
  _heif_image_get_width(image: number, channel: number): number;
  _heif_image_get_height(image: number, channel: number): number;
  _heif_image_get_plane_readonly2(image: number, channel: number, stride: number): number;
};

/** Main function of the worker thread. Its source text is the whole program: it must not refer to anything outside. */
function work(require: NodeJS.Require): void {
  const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const { bytes, pixelsMax, script, module } = workerData as Task;
  // This synchronous build takes the exports that `receive` returns. In an array functions have no names, for which
  // esbuild's `keepNames` would call a helper of the bundle.
  const [instantiateWasm] = [
    (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => unknown) =>
      receive(new WebAssembly.Instance(module, imports)),
  ];
  const heif: Library = require(script)({ instantiateWasm });
  const rgb = 1;
  const interleaved = 10;
  const [alphaless, withAlpha] = [10, 11];
  const blockMax = 4 * 2 ** 20;

  const error = heif._malloc(16);
  const result = heif._malloc(16);
  // In an array functions have no names, for which esbuild's `keepNames` would call a helper of the bundle.
  const [int32, copy, call] = [
    (at: number) => heif.HEAP32[at >> 2] ?? 0,
    (at: number, count: number) => heif.HEAPU8.slice(at, at + count),
    /** Calls a function that returns a struct (code, subcode, text), and throws its error. */
    (run: () => void) => {
      run();
      const [code, start = 0] = [heif.HEAP32[error >> 2], heif.HEAP32[(error + 8) >> 2]];
      if (code === 0) return;
      throw new Error(String.fromCharCode(...heif.HEAPU8.subarray(start, heif.HEAPU8.indexOf(0, start))));
    },
  ] as const;

  try {
    const context = heif._heif_context_alloc();
    // struct heif_security_limits: max_image_size_pixels at 8, max_number_of_tiles at 16, 64 bits each.
    const limits = heif._heif_context_get_security_limits(context);
    for (const [at, value] of [
      [8, pixelsMax],
      [16, 1024],
    ] as const) {
      heif.HEAP32[(limits + at) >> 2] = value;
      heif.HEAP32[(limits + at + 4) >> 2] = 0;
    }
    const file = heif._malloc(bytes.length);
    heif.HEAPU8.set(bytes, file);
    call(() => heif._heif_context_read_from_memory_without_copy(error, context, file, bytes.length, 0));
    call(() => heif._heif_context_get_primary_image_handle(error, context, result));
    const handle = int32(result);

    let profile: Uint8Array | undefined;
    const size = heif._heif_image_handle_get_raw_color_profile_size(handle);
    if (size > 0 && size <= blockMax) {
      const at = heif._malloc(size);
      call(() => heif._heif_image_handle_get_raw_color_profile(error, handle, at));
      profile = copy(at, size);
    }

    let exif: Uint8Array | undefined;
    const type = heif._malloc(8);
    heif.HEAPU8.set([69, 120, 105, 102, 0], type); // "Exif"
    if (heif._heif_image_handle_get_list_of_metadata_block_IDs(handle, type, result, 1) > 0) {
      const id = int32(result);
      const count = heif._heif_image_handle_get_metadata_size(handle, id);
      if (count > 4 && count <= blockMax) {
        const at = heif._malloc(count);
        call(() => heif._heif_image_handle_get_metadata(error, handle, id, at));
        const block = copy(at, count);
        // ISO/IEC 23008-12, A.2.1: offset of the TIFF header after these four bytes.
        const start = 4 + new DataView(block.buffer).getUint32(0);
        if (start < count) exif = block.slice(start);
      }
    }

    const alpha = heif._heif_image_handle_has_alpha_channel(handle) === 1;
    const channels = alpha ? 4 : 3;
    call(() => heif._heif_decode_image(error, handle, result, rgb, alpha ? withAlpha : alphaless, 0));
    const image = int32(result);
    const width = heif._heif_image_get_width(image, interleaved);
    const height = heif._heif_image_get_height(image, interleaved);
    const plane = heif._heif_image_get_plane_readonly2(image, interleaved, result);
    const stride = int32(result);
    const pixels = new Uint8Array(width * height * channels);
    for (let y = 0; y < height; y++) {
      const start = plane + y * stride;
      pixels.set(heif.HEAPU8.subarray(start, start + width * channels), y * width * channels);
    }
    const decoded = { pixels, width, height, channels, ...(profile && { profile }), ...(exif && { exif }) };
    parentPort?.postMessage({ decoded }, [pixels.buffer]);
  } catch (thrown) {
    // Every error inside WebAssembly is the bytes' fault, out of memory too: libheif reports that for images over the
    // limit, and images within it take less than WebAssembly's 2 GB.
    parentPort?.postMessage({ fault: String(thrown) });
  }
}
