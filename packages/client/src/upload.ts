/** From a file to its variants: announce, send, wait. */
import type { Images } from "./images.ts";
import { sendInParts } from "./multipart.ts";
import type { Request } from "./request.ts";
import { withRetries } from "./retry.ts";
import { accept, type Body, send } from "./send.ts";
import type { Announced, Announcement, Description, Image } from "./types.ts";

/** A `File` or `Blob`, or in React Native what a picker gives; `size` in bytes. */
export type Source = (Blob & { name?: string }) | { uri: string; name: string; type: string; size: number };

/** How far an upload is. Bytes are those that the network took. */
export type Progress = { phase: "uploading" | "processing"; sent: number; total: number };

/** What a begun upload is known by: plain data, for the app to keep and to give back as `resume`. */
export type Ticket = { id: string; key: string; uploadID: string };

export type UploadOptions = Description & {
  onProgress?: (progress: Progress) => void;
  /** Told of the image as soon as it has an id, before its bytes are sent. */
  onAnnounced?: (image: Image) => void;
  /**
   * Given the ticket of an upload in parts (files over 16 MB) once it has begun. Whoever takes it can resume: what has
   * arrived then stays when the upload fails or is cancelled, for a day.
   */
  onTicket?: (ticket: Ticket) => void;
  /** Goes on with this upload of the same file, sending only what has not arrived. */
  resume?: Ticket;
  /** Cancels it. Unless there is `onTicket`, the announcement is taken back, if the last byte is not sent yet. */
  signal?: AbortSignal;
  /** The file's name, where the file itself has none. */
  filename?: string;
  /** What the file is, where it does not say: `image/jpeg`, ... */
  contentType?: string;
  /** Of the file, in hex: an image that is there already is not sent again, and the store checks what comes whole. */
  sha256?: string;
  /** How long to wait for the variants (120). 0 returns as soon as the bytes are there, with the image as announced. */
  waitSeconds?: number;
  /** How often each step is tried before its transient error is thrown (5). */
  tries?: number;
};

/** Uploads a file and returns its image, which is `ready`, `rejected` or `failed`. */
export type Upload = (file: Source, options?: UploadOptions) => Promise<Image>;

/** Files above this are sent in parts, where they can be cut. */
const wholeBytesMax = 16_000_000;

export function createUpload(request: Request, images: Images): Upload {
  return async (file, options = {}) => {
    const { onProgress, onAnnounced, onTicket, resume, signal, waitSeconds } = options;
    const total = file.size;
    const { upload, ...image } = resume
      ? { ...(await images.get(resume.id, { signal })), upload: undefined }
      : await announce(file, options);
    if (upload) onAnnounced?.(image);
    if (upload || (resume && image.status === "pending")) {
      const onSent = (sent: number) => onProgress?.({ phase: "uploading", sent, total });
      onSent(0);
      try {
        await (file instanceof Blob && (resume || total > wholeBytesMax)
          ? inParts(file, image, onSent, options)
          : whole(file, upload, onSent, options));
      } catch (error) {
        // Nobody waits for this image any more. Should this fail, the announcement lapses by itself.
        if (signal?.aborted && !onTicket) await images.remove(image.id).catch(() => undefined);
        throw error;
      }
    }
    onProgress?.({ phase: "processing", sent: total, total });
    return waitSeconds === 0 ? image : images.wait(image.id, { signal, seconds: waitSeconds });
  };

  function announce(file: Source, options: UploadOptions): Promise<Image & { upload?: Announced["upload"] }> {
    const headers = { "idempotency-key": randomKey() };
    return request("POST", "/images", {
      body: announcementOf(file, options),
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
  target: Announced["upload"] | undefined,
  onSent: OnSent,
  { signal, tries }: UploadOptions,
): Promise<void> {
  if (!target) throw new TypeError("Only a `Blob` can be sent in parts.");
  await withRetries(
    async () => {
      const answer = await send(target, file as Body, { onSent, signal });
      // The URL takes one file, once: 412 says that an earlier try arrived, only its answer did not.
      if (answer.status !== 412) accept(answer);
    },
    { signal, tries },
  );
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

/** Unlikely to be used twice; it guards against repetition, not against people. */
const randomKey = () =>
  [Date.now(), Math.random(), Math.random()].map((number) => number.toString(36).replace("0.", "")).join("");
