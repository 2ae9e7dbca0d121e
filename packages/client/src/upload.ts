/** Uploads: create the image, send its bytes to S3, wait for the variants. */
import type { Images } from "./images.ts";
import { sendInParts } from "./multipart.ts";
import { type Request, randomKey } from "./request.ts";
import { withRetries } from "./retry.ts";
import { accept, type Body, send } from "./send.ts";
import type { CreatedImage, Description, Image, ImageInput } from "./types.ts";

/** A `File` or `Blob`, or a file of React Native by `uri`. `size` is in bytes. */
export type Source = (Blob & { name?: string }) | { uri: string; name: string; type: string; size: number };

/** Progress of an upload. `sent` and `total` are bytes; `sent` counts what the network took. */
export type Progress = { phase: "uploading" | "processing"; sent: number; total: number };

/** Handle of a multipart upload: plain JSON to store and to pass as `resume`. */
export type Ticket = { id: string; key: string; uploadID: string };

/** Options of `upload`. */
export type UploadOptions = Description & {
  /** Receives progress, first with `sent: 0`. */
  onProgress?: (progress: Progress) => void;
  /** Receives the new image before its bytes are sent. */
  onCreated?: (image: Image) => void;
  /**
   * Receives the ticket of a multipart upload (files over 16 MB) once S3 has created it. With this callback, uploaded
   * parts are kept for a day after a failure or a cancellation, so that the upload can be resumed.
   */
  onTicket?: (ticket: Ticket) => void;
  /** Resumes an upload of the same file: sends the missing parts only. */
  resume?: Ticket;
  /** Cancels the upload. Unless `onTicket` is given, an image whose bytes are not complete is deleted. */
  signal?: AbortSignal;
  /**
   * File name.
   * @default the name of the file, or "image"
   */
  filename?: string;
  /**
   * Content type.
   * @default the type of the file
   * @example "image/jpeg"
   */
  contentType?: string;
  /**
   * SHA-256 of the file in hex. Bytes that the owner has uploaded before are not sent again: S3 copies them into the new
   * image. S3 verifies a single PUT.
   */
  sha256?: string;
  /**
   * Idempotency key: 1 to 255 printable ASCII characters without spaces. For a day, an upload of the same file and
   * description under the same key continues the first one and returns its image. Another file or description throws
   * `idempotency_key_reused`.
   * @default a new key for each upload
   */
  idempotencyKey?: string;
  /**
   * Seconds to wait for the variants. 0 returns the `pending` image as soon as its bytes are uploaded.
   * @default 120
   */
  waitSeconds?: number;
  /**
   * Attempts per request to S3, if errors are transient.
   * @default 5
   */
  tries?: number;
};

/**
 * Uploads a file and returns its image: `ready`, `rejected` or `failed`. Throws `invalid_request`,
 * `unsupported_format`, `too_many_bytes`, `quota_exceeded`, `upload_refused`, `timed_out`, `network_error`, or the signal's reason.
 */
export type Upload = (file: Source, options?: UploadOptions) => Promise<Image>;

/** Larger `Blob`s are uploaded in parts. */
export const wholeBytesMax = 16_000_000;

/** Creates `upload` on top of a `Request`. */
export function createUpload(request: Request, images: Images): Upload {
  return async (file, options = {}) => {
    const { onProgress, onCreated, onTicket, resume, signal, waitSeconds } = options;
    const total = file.size;
    const { upload, ...image } = resume
      ? { ...(await images.get(resume.id, { signal })), upload: undefined }
      : await create(file, options);
    if (!resume) onCreated?.(image);
    if (upload || (resume && image.status === "pending")) {
      const onSent = (sent: number) => onProgress?.({ phase: "uploading", sent, total });
      onSent(0);
      try {
        await (file instanceof Blob && (resume || total > wholeBytesMax)
          ? inParts(file, image, onSent, options)
          : whole(file, upload, onSent, options));
      } catch (error) {
        // If this fails, the pending image expires.
        if (signal?.aborted && !onTicket)
          await images.remove(image.id, { permanent: true }).catch(() => undefined);
        throw error;
      }
    }
    onProgress?.({ phase: "processing", sent: total, total });
    return waitSeconds === 0 ? image : images.wait(image.id, { signal, seconds: waitSeconds });
  };

  function create(
    file: Source,
    options: UploadOptions,
  ): Promise<Image & { upload?: CreatedImage["upload"] }> {
    const headers = { "idempotency-key": options.idempotencyKey ?? randomKey() };
    return request("POST", "/images", {
      body: inputOf(file, options),
      headers,
      signal: options.signal,
    });
  }

  function inParts(file: Blob, { id, source }: Image, onSent: OnSent, options: UploadOptions): Promise<void> {
    const { signal, tries, resume, onTicket } = options;
    const { key } = source;
    const onBegun = (uploadID: string) => onTicket?.({ id, key, uploadID });
    return sendInParts({ request, file, key, uploadID: resume?.uploadID, onBegun, onSent, signal, tries });
  }
}

type OnSent = (bytes: number) => void;

async function whole(
  file: Source,
  target: CreatedImage["upload"] | undefined,
  onSent: OnSent,
  { signal, tries }: UploadOptions,
): Promise<void> {
  if (!target) throw new TypeError("A multipart upload can be resumed from a Blob or File only.");
  await withRetries(
    async () => {
      const answer = await send(target, file as Body, { onSent, signal });
      // `If-None-Match: *` is signed: 412 means that an earlier attempt succeeded and its response was lost.
      if (answer.status !== 412) accept(answer);
    },
    { signal, tries },
  );
}

/** Returns the body of `POST /images` for a file. */
export function inputOf(
  file: { name?: string; type: string; size: number },
  options: UploadOptions,
): ImageInput {
  const { filename, contentType, sha256, title, alt, tags, metadata, focus, regions, visibility, expiresAt } =
    options;
  return {
    filename: filename ?? file.name ?? "image",
    // The API accepts aliases and an empty type, and lists the supported formats in its error.
    contentType: contentType ?? file.type,
    bytes: file.size,
    sha256,
    title,
    alt,
    tags,
    metadata,
    focus,
    regions,
    visibility,
    expiresAt,
  };
}
