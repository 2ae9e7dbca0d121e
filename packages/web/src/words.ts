/** What is said to people when something is refused or goes wrong: one sentence on what, one on what helps. */
import { ClientError } from "@image-pipeline/client/client";

export type Words = { what: string; help?: string };

const formats = "JPEG, PNG, WebP, AVIF, GIF and HEIC are understood.";

/** By the codes of rejections, failures and problems. A newer service may send others. */
const byCode: Record<string, Words | undefined> = {
  empty_file: {
    what: "The file is empty.",
    help: "It may not have been copied to the end. Try the original.",
  },
  too_many_bytes: { what: "The file is too large.", help: "Save it smaller, or with stronger compression." },
  unsupported_format: { what: "This kind of file cannot be read.", help: formats },
  unsupported_codec: { what: "This kind of compression cannot be read.", help: "Save it as JPEG or PNG." },
  too_many_pixels: { what: "The picture has too many pixels.", help: "Scale it down and send it again." },
  side_too_long: {
    what: "The picture is too long on one side.",
    help: "Cut it into parts, or scale it down.",
  },
  too_many_frames: { what: "The animation has too many frames.", help: "Send a shorter one." },
  corrupt_image: { what: "The file is damaged.", help: "Try the original, or save it anew." },
  too_slow: { what: "The picture took too long to read.", help: "Save it anew in another format." },
  processing_failed: {
    what: "Something went wrong on our side.",
    help: "Send it through again with Reprocess.",
  },

  unauthenticated: { what: "Sign in to go on." },
  forbidden: { what: "You may not do this.", help: "Sign in with a key that may." },
  image_not_found: { what: "This image is not there.", help: "It may have been deleted." },
  image_not_ready: { what: "The image is being worked on.", help: "Try again when it is done." },
  version_conflict: { what: "Somebody else changed this image meanwhile.", help: "Look at it as it is now." },
  quota_exceeded: { what: "That is too much at once.", help: "Try again a little later." },
  invalid_cursor: { what: "The list has been open for too long.", help: "Load it again." },
  network_error: { what: "The server cannot be reached.", help: "It is tried again as soon as it answers." },
  upload_refused: { what: "The store did not take the file.", help: "Try again." },
  internal_error: { what: "Something went wrong on our side.", help: "Try again." },
};

/** The words for a code; general ones for a code that nobody here has heard of. */
export function wordsFor(code: string | undefined, message?: string): Words {
  return (
    byCode[code ?? ""] ?? { what: message ?? "It did not work.", help: message ? undefined : "Try again." }
  );
}

/** The words for whatever was thrown. */
export function wordsOf(error: unknown): Words {
  if (error instanceof DOMException)
    return { what: "The file cannot be read any more.", help: "Pick it again." };
  if (!(error instanceof ClientError))
    return { what: "Something went wrong on this page.", help: "Reload it." };
  const { code, message, fields } = error;
  if (code !== "invalid_request") return wordsFor(code, message);
  const pointers = fields.map(({ pointer }) => pointer);
  if (pointers.includes("/contentType")) return wordsFor("unsupported_format");
  if (pointers.includes("/bytes")) return wordsFor("empty_file");
  return { what: fields[0]?.detail ?? message };
}
