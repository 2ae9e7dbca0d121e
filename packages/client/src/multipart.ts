/** Large files in parts, so that a broken connection costs one part, and a closed app nothing that has arrived. */
import { ClientError } from "./problem.ts";
import type { Request } from "./request.ts";
import { withRetries } from "./retry.ts";
import { type Answer, accept, send } from "./send.ts";
import type { Signed } from "./types.ts";

/** Above S3's least, 5 MiB: small enough that little is lost with a part. */
const partBytes = 6_291_456;

/** So many at once fill a line that is far away, and leave a phone some breath. */
const atOnce = 3;

export type Parts = {
  request: Request;
  file: Blob;
  /** Where it was announced to go: `source.key` of its image. */
  key: string;
  /** Of an upload that was begun before. */
  uploadID?: string;
  onBegun?: (uploadID: string) => void;
  /** Told of the bytes that the network took, with those that had arrived before. */
  onSent?: (bytes: number) => void;
  signal?: AbortSignal;
  tries?: number;
};

/** Sends what the store does not have yet of a file, and has it put together there. Throws like `send`. */
export async function sendInParts(options: Parts): Promise<void> {
  const { file, onBegun, onSent, signal } = options;
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  const step = stepper(options, stop.signal);

  const sent = new Map<number, number>();
  const tell = (part: number, bytes: number) => {
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
        tell(part, bytes);
    }
    const upload = { uploadId: uploadID };
    const count = Math.ceil(file.size / partBytes);
    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((part) => !sent.has(part));
    const worker = async () => {
      for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
        const number = part;
        const body = file.slice((number - 1) * partBytes, number * partBytes);
        const what = { ...upload, partNumber: number, bytes: body.size };
        await step("PUT", what, { body, onSent: (bytes) => tell(number, bytes) });
        tell(number, body.size);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    // The store's own list says what is there. A browser sees a part's ETag only if the bucket exposes it.
    const list = partsIn((await step("GET", upload)).text).map(
      ({ part, etag }) => `<Part><PartNumber>${part}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = new Blob([`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`]);
    await step("POST", upload, { body, isGoneWhenDone: true });
  } catch (error) {
    // Where one part has failed for good, the others are not wanted any more.
    stop.abort(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

type StepOptions = { body?: Blob; onSent?: (bytes: number) => void; isGoneWhenDone?: boolean };

/**
 * Has one request to the store signed and makes it, until the store takes it. `isGoneWhenDone`: what is asked for can
 * be done only once, so that a later try which finds nothing there says that an earlier one went through.
 */
function stepper({ request, key, tries }: Parts, signal: AbortSignal) {
  return (
    method: string,
    what: object,
    { body, onSent, isGoneWhenDone }: StepOptions = {},
  ): Promise<Answer> => {
    let count = 0;
    return withRetries(
      async () => {
        const json = { key, method, ...what };
        const { url, headers } = await request<Signed>("POST", "/uploads/sign", { body: json, signal });
        const answer = await send({ method, url, headers }, body, { signal, onSent });
        if (count++ > 0 && isGoneWhenDone && answer.status === 404) return answer;
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
  if (text === undefined) throw new ClientError("unexpected_answer", `The store's answer has no ${name}.`);
  return text;
}
