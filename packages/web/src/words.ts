/** Texts of the page for states and errors of the API. */
import { ClientError, type Status } from "@image-pipeline/client";

/** Names of the states, as the page shows them. */
export const statusNames: Record<Status, string> = {
  pending: "Uploading",
  processing: "Processing",
  ready: "Ready",
  rejected: "Rejected",
  failed: "Failed",
  trashed: "In the trash",
};

/** `what` is the failure, `help` the remedy: one sentence each. */
export type Words = { what: string; help?: string };

/** Texts for an image whose upload was interrupted. */
export const notUploaded = {
  what: "Not uploaded",
  help: "The upload was interrupted. Choose the file again, or delete the image.",
};

/** Name of the state of an image whose file the pipeline gets from a URL. */
export const importing = "Importing";

/** Texts for an image that waits for the next day. */
export const deferred = {
  what: "Waiting",
  help: "The daily limit of processed images is reached. The image is processed after midnight UTC.",
};

const formats = "Supported formats: JPEG, PNG, WebP, AVIF, GIF and HEIC.";

/** Texts by error code of the API and the client. A newer API may send other codes. */
const byCode: Record<string, Words | undefined> = {
  empty_file: {
    what: "The file is empty.",
    help: "Its copy may be incomplete. Upload the original.",
  },
  too_many_bytes: { what: "The file is too large.", help: "Scale it down, or compress it more." },
  unsupported_format: { what: "The file format is not supported.", help: formats },
  unsupported_codec: {
    what: "The compression of the file is not supported.",
    help: "Save it as JPEG or PNG.",
  },
  too_many_pixels: { what: "The image has too many pixels.", help: "Scale it down and upload it again." },
  side_too_long: {
    what: "The image is too long on one side.",
    help: "Scale it down, or split it.",
  },
  too_many_frames: { what: "The animation has too many frames.", help: "Upload a shorter one." },
  too_many_scans: { what: "The JPEG has too many scans.", help: "Save it again, without progressive scans." },
  too_much_metadata: {
    what: "The file has too much metadata.",
    help: "Remove its EXIF data and upload it again.",
  },
  corrupt_image: { what: "The file is damaged.", help: "Upload the original, or save it again." },
  too_slow: { what: "Decoding the image took too long.", help: "Save it in another format." },
  too_much_memory: { what: "The image needs too much memory.", help: "Scale it down and upload it again." },
  processing_failed: {
    what: "Processing failed with an internal error.",
    help: "Try again with Reprocess.",
  },
  import_refused: {
    what: "The URL was refused.",
    help: "Use an https URL of a public server.",
  },
  import_unavailable: {
    what: "The server of the URL did not send the file.",
    help: "Check the URL and its rights.",
  },
  import_unreachable: {
    what: "The server of the URL cannot be reached.",
    help: "Check the URL, or try again later.",
  },
  import_too_large: { what: "The file at the URL is too large.", help: "Use a smaller one." },
  import_timeout: { what: "The server of the URL took too long.", help: "Import it again later." },
  import_interrupted: { what: "The import was interrupted.", help: "Import the URL again." },

  unauthenticated: { what: "Authentication required." },
  forbidden: { what: "Permission denied.", help: "Sign in with a key that has the required scope." },
  image_not_found: { what: "Image not found.", help: "It may have been deleted." },
  image_not_ready: { what: "The image is still being processed.", help: "Try again when it is ready." },
  image_trashed: { what: "The image is in the trash.", help: "Restore it first." },
  version_conflict: {
    what: "The image was modified after it was loaded.",
    help: "Reload to see the current version.",
  },
  quota_exceeded: { what: "The upload quota is exceeded.", help: "Try again later." },
  invalid_cursor: { what: "The list has expired.", help: "Reload the page." },
  cursor_expired: { what: "The list has expired.", help: "Reload the page." },
  network_error: { what: "The server cannot be reached.", help: "The page reconnects automatically." },
  upload_refused: { what: "S3 refused the upload.", help: "Try again." },
  storage_unavailable: { what: "The server's storage is unavailable.", help: "Try again soon." },
  webhook_not_found: { what: "Webhook not found.", help: "It may have been removed." },
  delivery_not_found: { what: "Delivery not found.", help: "Deliveries are kept for seven days." },
  webhook_disabled: { what: "The webhook is disabled.", help: "Enable it first." },
  not_attempted: { what: "The server ran out of time before this change.", help: "Try again." },
  internal_error: { what: "Internal server error.", help: "Try again." },
};

/** Returns the texts for an error code; for an unknown code the API's own message. */
export function wordsFor(code: string | undefined, message?: string): Words {
  return (
    byCode[code ?? ""] ?? { what: message ?? "The request failed.", help: message ? undefined : "Try again." }
  );
}

/** Returns the texts for a thrown value. */
export function wordsOf(error: unknown): Words {
  if (error instanceof DOMException) return { what: "The file cannot be read.", help: "Choose it again." };
  if (!(error instanceof ClientError)) return { what: "Unexpected error on this page.", help: "Reload it." };
  const { code, message, fields } = error;
  if (code !== "invalid_request") return wordsFor(code, message);
  const pointers = fields.map(({ pointer }) => pointer);
  if (pointers.includes("/bytes")) return wordsFor("empty_file");
  return { what: fields[0]?.detail ?? message };
}
