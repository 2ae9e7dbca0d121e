/** From a file to its variants: announce, send, wait. */
import type { Images } from "./images.ts";
import { ClientError } from "./problem.ts";
import type { Request } from "./request.ts";
import { withRetries } from "./retry.ts";
import { type Body, send } from "./send.ts";
import type { Announced, Announcement, Description, Image } from "./types.ts";

/** A `File` or `Blob`, or in React Native what a picker gives; `size` in bytes. */
export type Source = (Blob & { name?: string }) | { uri: string; name: string; type: string; size: number };

/** How far an upload is. Bytes are those that the network took. */
export type Progress = { phase: "uploading" | "processing"; sent: number; total: number };

export type UploadOptions = Description & {
  onProgress?: (progress: Progress) => void;
  /** Told of the image as soon as it has an id, before its bytes are sent. */
  onAnnounced?: (image: Image) => void;
  /** Cancels it; before the last byte is sent, the announcement is taken back. */
  signal?: AbortSignal;
  /** The file's name, where the file itself has none. */
  filename?: string;
  /** What the file is, where it does not say: `image/jpeg`, ... */
  contentType?: string;
  /** Of the file, in hex: the store then checks what arrives, and an image that is there already is not sent again. */
  sha256?: string;
  /** How long to wait for the variants (120). 0 returns as soon as the bytes are there, with the image as announced. */
  waitSeconds?: number;
  /** How often each step is tried before its transient error is thrown (5). */
  tries?: number;
};

export type Upload = (file: Source, options?: UploadOptions) => Promise<Image>;

/** Makes the function that uploads a file and returns its image, which is `ready`, `rejected` or `failed`. */
export function createUpload(request: Request, images: Images): Upload {
  return async (file, options = {}) => {
    const { onProgress, onAnnounced, signal, waitSeconds, tries } = options;
    const announced = await request<Announced | Image>("POST", "/images", {
      body: announcementOf(file, options),
      headers: { "idempotency-key": randomKey() },
      signal,
    });
    const total = file.size;
    if (!("upload" in announced)) {
      onProgress?.({ phase: "processing", sent: total, total });
      return announced;
    }
    const { upload, ...image } = announced;
    onAnnounced?.(image);
    try {
      await withRetries(
        async () => {
          onProgress?.({ phase: "uploading", sent: 0, total });
          const onSent = (sent: number) => onProgress?.({ phase: "uploading", sent, total });
          accept(await send(upload, file as Body, { onSent, signal }));
        },
        { signal, tries },
      );
    } catch (error) {
      // Nobody waits for this image any more. Should this fail, the announcement lapses by itself.
      if (signal?.aborted) await images.remove(image.id).catch(() => undefined);
      throw error;
    }
    onProgress?.({ phase: "processing", sent: total, total });
    return waitSeconds === 0 ? image : images.wait(image.id, { signal, seconds: waitSeconds });
  };
}

function announcementOf(file: Source, options: UploadOptions): Announcement {
  const { filename, contentType, sha256, title, alt, tags, metadata } = options;
  return {
    filename: filename ?? file.name ?? "image",
    // The API knows which types it takes and names them in its answer.
    contentType: (contentType ?? file.type) as Announcement["contentType"],
    bytes: file.size,
    sha256,
    title,
    alt,
    tags,
    metadata,
  };
}

/** Throws `upload_refused` unless the store has the bytes. */
function accept({ status, text }: { status: number; text: string }) {
  // The URL takes one file, once: 412 says that an earlier try arrived, only its answer did not.
  if ((status >= 200 && status < 300) || status === 412) return;
  const [, code] = /<Code>([^<]*)<\/Code>/.exec(text) ?? [];
  const message = `The store refused the file: ${code ?? "no reason given"} (${status}).`;
  // 409: an earlier try of the same upload is still under way.
  throw new ClientError("upload_refused", message, { status, isTransient: status === 409 || status >= 500 });
}

/** Unlikely to be used twice; it guards against repetition, not against people. */
const randomKey = () =>
  [Date.now(), Math.random(), Math.random()].map((number) => number.toString(36).replace("0.", "")).join("");
