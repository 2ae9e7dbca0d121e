/**
 * Imports: gets a file from the URL of a caller and stores it under the key of its pending image. S3's event then starts
 * the processing, as after an upload. A message may come twice, late or after a deletion: the object is stored at most
 * once, and a closed key takes none.
 */
import { Presign } from "../aws/presign.ts";
import { Queue } from "../aws/queue.ts";
import { Egress } from "../egress/egress.ts";
import { EgressError } from "../egress/egress-error.ts";
import type { Target } from "../egress/target.ts";
import { ContentType } from "../images/content-type.ts";
import { Imports } from "../records/imports.ts";
import type { Importing } from "../records/message.ts";
import type { Settings } from "../settings.ts";
import { type Report, resolve } from "./decision.ts";
import { endImport } from "./import-end.ts";

/** Most bytes of an import, whichever the limit of uploads: the importer holds them in memory. */
const importBytesMax = 104_857_600;

/** Seconds until a transient failure is tried again, by the number of tries. */
const retrySeconds = [10, 60, 300];

/** Life of the presigned URL by which the importer stores the object, in seconds. */
const storeSeconds = 300;

const limits = { connectMs: 5_000, totalMs: 20_000, redirectsMax: 3 };

/** Statuses of a response after which a repetition may succeed. */
const isTransient = (status: number) => status >= 500 || [408, 425, 429].includes(status);

/** A failed try. `again`: a later one may succeed, after `afterSeconds` where the server said so. */
class ImportError extends Error {
  override readonly name = "ImportError";
  readonly code: Imports.ImportFailure["code"];
  readonly again: boolean;
  readonly afterSeconds: number;

  constructor(code: Imports.ImportFailure["code"], message: string, again = false, afterSeconds = 0) {
    super(message);
    this.code = code;
    this.again = again;
    this.afterSeconds = afterSeconds;
  }
}

/** The parts of the world that an import uses. `network` is replaced by tests. */
export type Importer = { settings: Settings.Pipeline; policy: Target.Policy; network?: Egress.Network };

/**
 * Handles one message. After a transient failure it sends the import again, with backoff and at most three times; after
 * any other it marks the image. Throws internal errors; SQS redelivers the message.
 */
export async function handleImport(message: Importing, importer: Importer): Promise<Report> {
  const { key, tries } = message;
  const subject = await resolve(key);
  const { imageID, record } = subject;
  if (!record || !Imports.isImporting(record))
    return { acknowledge: true, imageID, did: "nothing, because the record has moved on" };
  let bytes: Buffer;
  try {
    bytes = await download(message, importer);
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    const delay = retrySeconds[tries];
    if (error.again && delay !== undefined) {
      await Queue.sendImport({ ...message, tries: tries + 1 }, Math.max(delay, error.afterSeconds));
      return { acknowledge: true, imageID, did: `${error.code}, will be retried` };
    }
    const { code } = error;
    const failure = { status: error.again ? "failed" : "rejected", code, message: error.message } as const;
    return endImport(subject, failure, "importer", importer.settings);
  }
  const { url, headers } = await Presign.put({
    key,
    contentType: ContentType.unknown,
    bytes: bytes.length,
    seconds: storeSeconds,
  });
  await Presign.send({ url, headers }, bytes);
  return { acknowledge: true, imageID, did: "stored" };
}

/** Downloads the file. Throws an `ImportError`. */
async function download(
  { url, headers }: Importing,
  { settings, policy, network }: Importer,
): Promise<Buffer> {
  const bytesMax = Math.min(settings.bytesMax, importBytesMax);
  const response = await Egress.send(
    { method: "GET", url, headers },
    { ...limits, bytesMax },
    policy,
    network,
  ).catch((error) => {
    if (!(error instanceof EgressError)) throw error;
    const { reason, message } = error;
    throw new ImportError(`import_${reason}`, message, reason === "unreachable" || reason === "timeout");
  });
  const { status, body } = response;
  if (status !== 200) {
    const again = isTransient(status);
    const message = `The server responded with the status ${status} instead of 200.`;
    throw new ImportError("import_unavailable", message, again, secondsOf(response.headers["retry-after"]));
  }
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    const message = `The response has the content encoding ${encoding.slice(0, 40)}, although the request accepts none.`;
    throw new ImportError("import_refused", message);
  }
  if (body.length === 0) throw new ImportError("empty_file", "The response has no body.");
  return body;
}

/** Returns the seconds of a `Retry-After`, which may also be a date; 0 if it is neither. */
function secondsOf(retryAfter = ""): number {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? 0 : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}
