/**
 * HEIC, as phones write it: HEVC tiles in a grid, turned, with depth maps and thumbnails beside them. sharp's libvips
 * has no HEVC decoder, so libheif and libde265 come as WebAssembly (libheif-js), loaded when such a file arrives. They
 * run in a thread of their own, which is ended when its time is over: nothing stops WebAssembly from within.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Size } from "./plan.ts";

/** What is in a HEIC: the upright picture as raw pixels in its own colours, and what its file says of it. */
export type Decoded = Size & {
  pixels: Buffer;
  channels: 3 | 4;
  /** An ICC profile. */
  profile?: Buffer;
  /** H.273's number of the colour primaries, where there is no profile. */
  primaries?: number;
  exif?: Buffer;
};

/** The thread's answer. `fault` is libheif's own word. */
type Answer = { decoded: Decoded } | { fault: string };

/** Why a HEIC was not decoded: the bytes are at fault, or took too long. */
export class HeicError extends Error {
  override readonly name = "HeicError";
  readonly why: "damaged" | "slow";

  constructor(why: "damaged" | "slow", message: string) {
    super(message);
    this.why = why;
  }
}

const require = createRequire(import.meta.url);

/**
 * Decodes the primary picture: at most `pixelsMax` pixels and `seconds`. Throws `HeicError`; anything else thrown is a
 * fault of ours, such as memory that ran out.
 */
export async function decodeHeic(bytes: Uint8Array, pixelsMax: number, seconds: number): Promise<Decoded> {
  const library = "libheif-js/libheif-wasm/libheif.js";
  const task: Task = {
    bytes,
    pixelsMax,
    script: require.resolve(library),
    wasm: require.resolve("libheif-js/libheif-wasm/libheif.wasm"),
  };
  // From text, so that no second file has to lie beside the bundle of the function.
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

/** Buffers come through a thread's door as plain arrays. */
function asBuffers({ pixels, profile, exif, ...rest }: Decoded): Decoded {
  const buffer = (part: Uint8Array) => Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  return {
    ...rest,
    pixels: buffer(pixels),
    ...(profile ? { profile: buffer(profile) } : {}),
    ...(exif ? { exif: buffer(exif) } : {}),
  };
}

type Task = { bytes: Uint8Array; pixelsMax: number; script: string; wasm: string };

/** The C functions of libheif that are used here; numbers are addresses, structs are returned where the first points. */
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
  _heif_image_handle_get_color_profile_type(handle: number): number;
  _heif_image_handle_get_raw_color_profile_size(handle: number): number;
  _heif_image_handle_get_raw_color_profile(error: number, handle: number, at: number): void;
  _heif_image_handle_get_nclx_color_profile(error: number, handle: number, profile: number): void;
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

/** What the thread does. Its text is the thread's whole program: it may name nothing outside itself. */
function work(require: NodeJS.Require): void {
  const { readFileSync } = require("node:fs") as typeof import("node:fs");
  const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const { bytes, pixelsMax, script, wasm } = workerData as Task;
  const heif: Library = require(script)({ wasmBinary: readFileSync(wasm) });
  const rgb = 1;
  const interleaved = 10;
  const [alphaless, withAlpha] = [10, 11];
  const blockMax = 4 * 2 ** 20;

  const error = heif._malloc(16);
  const result = heif._malloc(16);
  // In an array they have no names, which esbuild's `keepNames` would call a function of the bundle for.
  const [int32, copy, call] = [
    (at: number) => heif.HEAP32[at >> 2] ?? 0,
    (at: number, count: number) => heif.HEAPU8.slice(at, at + count),
    /** Calls what reports an error in a struct (code, subcode, text), and throws it. */
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

    const colours: { profile?: Uint8Array; primaries?: number } = {};
    const size = heif._heif_image_handle_get_raw_color_profile_size(handle);
    const nclx = 0x6e636c78;
    if (heif._heif_image_handle_get_color_profile_type(handle) === nclx) {
      call(() => heif._heif_image_handle_get_nclx_color_profile(error, handle, result));
      colours.primaries = int32(int32(result) + 4);
    } else if (size > 0 && size <= blockMax) {
      const at = heif._malloc(size);
      call(() => heif._heif_image_handle_get_raw_color_profile(error, handle, at));
      colours.profile = copy(at, size);
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
        // ISO/IEC 23008-12, A.2.1: how far behind these four bytes the TIFF header stands.
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
    const decoded = { pixels, width, height, channels, ...colours, ...(exif ? { exif } : {}) };
    parentPort?.postMessage({ decoded }, [pixels.buffer]);
  } catch (thrown) {
    // Whatever goes wrong inside WebAssembly, the bytes led there. Even want of memory: libheif says so where a picture
    // is larger than the limit, and the 2 GB of WebAssembly's own are more than any picture within it takes.
    parentPort?.postMessage({ fault: String(thrown) });
  }
}
