/** S3 multipart uploads: a broken connection costs one part, and an upload can be resumed after a restart of the app. */
import { ClientError } from "./problem.ts";
import type { Request } from "./request.ts";
import { withRetries } from "./retry.ts";
import { type Answer, accept, send } from "./send.ts";
import type { Signed } from "./types.ts";

/** 6 MiB, above S3's minimum part size of 5 MiB. */
const partBytes = 6_291_456;

/** Parts in flight: enough to fill a connection with high latency, and few enough for a phone. */
const atOnce = 3;

/** Options of `sendInParts`. */
export type Parts = {
  request: Request;
  file: Blob;
  /** Object key: `source.key` of the image. */
  key: string;
  /** Upload id of a multipart upload to resume. */
  uploadID?: string;
  /** Receives the upload id as soon as S3 has created the multipart upload. */
  onBegun?: (uploadID: string) => void;
  /** Receives the number of bytes sent, those of earlier attempts included. */
  onSent?: (bytes: number) => void;
  signal?: AbortSignal;
  tries?: number;
  /**
   * Parts in flight.
   * @default 3
   */
  parallel?: number;
};

/**
 * Sends the parts that S3 does not have yet and completes the multipart upload. Throws `network_error`,
 * `upload_refused`, the API's errors, or the signal's reason.
 */
export async function sendInParts(options: Parts): Promise<void> {
  const { file, onBegun, onSent, signal } = options;
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  const step = stepper(options, stop.signal);

  const sent = new Map<number, number>();
  const report = (part: number, bytes: number) => {
    sent.set(part, bytes);
    onSent?.([...sent.values()].reduce((sum, bytes) => sum + bytes, 0));
  };
  try {
    let { uploadID } = options;
    if (uploadID === undefined) {
      uploadID = textOf((await step("POST", {})).text, "UploadId");
      onBegun?.(uploadID);
    } else {
      for (const { part, bytes } of partsIn((await step("GET", { uploadId: uploadID })).text))
        report(part, bytes);
    }
    const upload = { uploadId: uploadID };
    const count = Math.ceil(file.size / partBytes);
    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((part) => !sent.has(part));
    const worker = async () => {
      for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
        const number = part;
        const body = file.slice((number - 1) * partBytes, number * partBytes);
        const what = { ...upload, partNumber: number, bytes: body.size };
        await step("PUT", what, { body, onSent: (bytes) => report(number, bytes) });
        report(number, body.size);
      }
    };
    await Promise.all(Array.from({ length: options.parallel ?? atOnce }, worker));
    // ETags come from ListParts: a browser reads a part's ETag header only if the bucket's CORS rules expose it.
    const list = partsIn((await step("GET", upload)).text).map(
      ({ part, etag }) => `<Part><PartNumber>${part}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = new Blob([`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`]);
    await step("POST", upload, { body, mayBeGone: true });
  } catch (error) {
    // One part failed permanently: cancel the others.
    stop.abort(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

type StepOptions = { body?: Blob; onSent?: (bytes: number) => void; mayBeGone?: boolean };

/**
 * Returns a function that has a request signed by the API and sends it to S3, with retries. With `mayBeGone`, a 404 on
 * a retry counts as success: the earlier attempt completed the upload and its response was lost.
 */
function stepper({ request, key, tries }: Parts, signal: AbortSignal) {
  return (method: string, what: object, { body, onSent, mayBeGone }: StepOptions = {}): Promise<Answer> => {
    let count = 0;
    return withRetries(
      async () => {
        const json = { key, method, ...what };
        const { url, headers } = await request<Signed>("POST", "/uploads/sign", { body: json, signal });
        const answer = await send({ method, url, headers }, body, { signal, onSent });
        if (count++ > 0 && mayBeGone && answer.status === 404) return answer;
        return accept(answer);
      },
      { signal, tries },
    );
  };
}

function partsIn(xml: string): { part: number; bytes: number; etag: string }[] {
  return [...xml.matchAll(/<Part>([\s\S]*?)<\/Part>/g)].map(([, text = ""]) => ({
    part: Number(textOf(text, "PartNumber")),
    bytes: Number(textOf(text, "Size")),
    etag: textOf(text, "ETag"),
  }));
}

function textOf(xml: string, name: string): string {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? [];
  if (text === undefined) throw new ClientError("unexpected_answer", `The response of S3 has no <${name}>.`);
  return text;
}
