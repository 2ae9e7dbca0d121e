/** Work of one queued upload: its requests, each reduced to an outcome for the state machine. */
import { sendInParts } from "../multipart.ts";
import { ClientError } from "../problem.ts";
import type { Request } from "../request.ts";
import { accept, type Body, type send, type Target } from "../send.ts";
import type { Events, Image, Signed } from "../types.ts";
import { type Source, wholeBytesMax } from "../upload.ts";
import type { Input, Outcome } from "./machine.ts";
import type { Entry, Store } from "./store.ts";

/** Parts that the work of an upload needs. `send` sends to S3. */
export type Parts = {
  request: Request;
  store: Store;
  send: typeof send;
  /** Returns whether the device has the file of a `uri`. */
  exists?: (uri: string) => boolean | Promise<boolean>;
  /** Returns the SHA-256 of a file in hex, or undefined. */
  sha256?: (file: Source) => string | undefined | Promise<string | undefined>;
};

/** Result of a step: the input for the machine, and the error to report. */
export type Result = { input: Input; error?: unknown };

/** Result of `create`: fields of the entry to store, and what `transfer` needs. */
export type Created = Result & { found?: Partial<Entry>; file?: Source; target?: Target };

/**
 * Creates the image of an entry, or continues with the image that an earlier run created. Asks for that image first:
 * the idempotency key lives for a day, and bytes that have arrived must not be sent to a second image.
 */
export async function create(parts: Parts, entry: Entry, signal: AbortSignal): Promise<Created> {
  const { request, store } = parts;
  try {
    if (entry.imageID !== undefined) {
      const known = await existing(request, entry.imageID, signal);
      if (known !== "pending") return { input: known, ...(known === "gone" && { error: deleted(entry) }) };
    }
    const file = await store.file(entry.id);
    if (!file || !(await isReadable(parts, file))) {
      return { input: { from: "file" }, error: missing(entry) };
    }
    const sha256 = entry.input.sha256 ?? (await parts.sha256?.(file)) ?? (await digest(file));
    const input = { ...entry.input, sha256 };
    const image = await request<Partial<Image> & { upload?: Target }>("POST", "/images", {
      body: input,
      headers: { "idempotency-key": `${entry.id}-${entry.generation}` },
      signal,
    });
    if (typeof image?.id !== "string" || !image.source) throw foreign();
    const { id, source, upload } = image;
    return {
      input: { from: "api", status: upload ? 201 : 200, hasUpload: upload !== undefined },
      found: { input, imageID: id, key: source.key },
      file,
      target: upload,
    };
  } catch (error) {
    return { input: outcomeOf(error), error };
  }
}

/** Sends the bytes: one PUT, or the missing parts of a multipart upload, one at a time. */
export async function transfer(
  parts: Parts,
  entry: Entry,
  { file, target }: { file: Source; target: Target },
  options: { onBegun: (uploadID: string) => void; onSent: (bytes: number) => void; signal: AbortSignal },
): Promise<Result> {
  const { request } = parts;
  const { uploadID, key = "" } = entry;
  try {
    if (file instanceof Blob && file.size > wholeBytesMax) {
      await sendInParts({ ...options, request, file, key, uploadID, tries: 1, parallel: 1 });
    } else {
      const answer = await parts.send(target, file as Body, options);
      if (answer.status !== 412) accept(answer);
    }
    return { input: { from: "s3", status: 200 } };
  } catch (error) {
    return { input: outcomeOf(error), error };
  }
}

/** Deletes the image of a cancelled upload, and aborts its multipart upload: S3 bills the parts of an open one. */
export async function remove(parts: Parts, { imageID, key, uploadID }: Entry): Promise<Result> {
  const { request } = parts;
  if (imageID === undefined) return { input: "removed" };
  try {
    // First, because the API signs nothing for an image that was deleted.
    if (key !== undefined && uploadID !== undefined) await abortParts(parts, key, uploadID);
    await request("DELETE", `/images/${imageID}`, { query: { permanent: "true" } });
    return { input: "removed" };
  } catch (error) {
    return { input: outcomeOf(error), error };
  }
}

/** Throws transient errors alone. After any other, S3's lifecycle rule aborts the multipart upload. */
async function abortParts({ request, send }: Parts, key: string, uploadID: string): Promise<void> {
  try {
    const body = { key, method: "DELETE", uploadId: uploadID };
    const { url, headers } = await request<Signed>("POST", "/uploads/sign", { body });
    accept(await send({ method: "DELETE", url, headers }));
  } catch (error) {
    if (error instanceof ClientError && !error.isTransient) return;
    throw error;
  }
}

/** Converts an error of the client to an outcome. Any other error, such as one of the app's `token`, is transient. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ClientError)) return { from: "api", status: 500 };
  const { code, status, retryAfterSeconds } = error;
  if (code === "network_error") return { from: "network" };
  if (code === "upload_refused") return { from: "s3", status, isForeign: (status ?? 0) < 300 };
  return { from: "api", status, code, retryAfterSeconds, isJson: code !== "unexpected_answer" };
}

async function existing(request: Request, id: string, signal: AbortSignal) {
  try {
    const image = await request<Partial<Image>>("GET", `/images/${id}`, { signal });
    if (image?.id !== id) throw foreign();
    // Deleted, as far as an upload is concerned.
    if (image.status === "trashed") return "gone";
    return image.status === "pending" ? "pending" : "present";
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "image_not_found") throw error;
    return (await wasDeleted(request, id, signal)) ? "gone" : "lapsed";
  }
}

/** The events of a deleted image stay readable; a `pending` image that expired leaves no deletion. */
async function wasDeleted(request: Request, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { items } = await request<Events>("GET", `/images/${id}/events`, { signal });
    return items.some(({ type }) => type === "deleting" || type === "deleted");
  } catch (error) {
    if (error instanceof ClientError && error.code === "image_not_found") return false;
    throw error;
  }
}

async function isReadable({ exists }: Parts, file: Source): Promise<boolean> {
  if ("uri" in file) return (await exists?.(file.uri)) ?? true;
  // A Blob of a file that was moved or changed throws when it is read.
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(() => true)
    .catch(() => false);
}

/** Hashes a file that is uploaded whole. `crypto.subtle` is missing in React Native and on insecure origins. */
async function digest(file: Source): Promise<string | undefined> {
  if (!(file instanceof Blob) || file.size > wholeBytesMax || !globalThis.crypto?.subtle) return undefined;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const foreign = () =>
  new ClientError("unexpected_answer", "The response is no image. Is a captive portal in the way?");
const missing = ({ input }: Entry) =>
  new ClientError("file_missing", `The device no longer has the file ${JSON.stringify(input.filename)}.`);
const deleted = ({ imageID }: Entry) =>
  new ClientError("image_not_found", `The image ${imageID} was deleted. Retry to upload it as a new image.`);
