/** Requests to S3 with upload progress that counts the bytes the network took. */
import { ClientError, noResponse } from "./problem.ts";

/** A presigned request. Method, URL and headers are signed and must be sent unchanged. */
export type Target = { method: string; url: string; headers?: Record<string, string> };

/** Bytes to send. React Native names files by `uri`; its own `XMLHttpRequest` reads them. */
export type Body = Blob | { uri: string };

/** `onSent` receives the number of bytes sent so far. `signal` aborts the request. */
export type SendOptions = { onSent?: (bytes: number) => void; signal?: AbortSignal };

/** Response of S3. */
export type Answer = { status: number; text: string; etag?: string };

/**
 * Sends a request and returns the response, of any status. Uses `XMLHttpRequest` where it exists (browsers and
 * React Native, whose `fetch` reports no upload progress) and a counted stream elsewhere. Throws `network_error`, or
 * the signal's reason.
 */
export function send(target: Target, body?: Body, options: SendOptions = {}): Promise<Answer> {
  return typeof XMLHttpRequest === "undefined"
    ? sendByFetch(target, body, options)
    : sendByXHR(target, body, options);
}

function sendByXHR(
  { method, url, headers = {} }: Target,
  body: Body | undefined,
  { onSent, signal }: SendOptions,
) {
  return new Promise<Answer>((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const onAbort = () => request.abort();
    const settle = (run: () => void) => () => {
      signal?.removeEventListener("abort", onAbort);
      run();
    };
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onSent?.(loaded);
    request.onload = settle(() =>
      resolve({
        status: request.status,
        text: request.responseText,
        etag: request.getResponseHeader("etag") ?? undefined,
      }),
    );
    request.onerror = settle(() => reject(connectionError(url)));
    request.onabort = settle(() => reject(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    // React Native accepts `{ uri }` here; the DOM's types do not know it.
    request.send(body as Blob | undefined);
  });
}

async function sendByFetch(
  { method, url, headers }: Target,
  body: Body | undefined,
  { onSent, signal }: SendOptions,
): Promise<Answer> {
  if (body && !(body instanceof Blob)) {
    throw new ClientError(
      "invalid_request",
      `Only React Native can read a file by its uri (${body.uri}). Pass a Blob or File.`,
    );
  }
  try {
    const response = await fetch(url, {
      method,
      signal,
      headers,
      // `content-length` is signed; without it a stream is sent with chunked transfer encoding.
      ...(body && {
        headers: { ...headers, "content-length": String(body.size) },
        body: ignoresLength ? body : counted(body, onSent),
        duplex: "half",
      }),
    });
    if (body && ignoresLength) onSent?.(body.size);
    return {
      status: response.status,
      text: await response.text(),
      etag: response.headers.get("etag") ?? undefined,
    };
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw connectionError(url, cause);
  }
}

/** Returns a successful response. Throws `upload_refused` for any other, with S3's error code in the message. */
export function accept(answer: Answer): Answer {
  const { status, text } = answer;
  const [, code] = /<Code>([^<]*)<\/Code>/.exec(text) ?? [];
  // CompleteMultipartUpload may return 200 and an error in the body.
  // A captive portal returns its sign-in page with 200.
  const isForeign = /<(!doctype )?html/i.test(text);
  if (status >= 200 && status < 300 && code === undefined && !isForeign) return answer;
  const message = `S3 refused the upload with ${status} ${code ?? "and no error code"}.`;
  // 409: an earlier attempt of the same upload is still in progress.
  const isTransient = status < 300 || status === 409 || status >= 500;
  throw new ClientError("upload_refused", message, { status, isTransient });
}

/** Deno sends every stream with chunked transfer encoding, which S3 refuses. A file that it sends has no progress. */
const ignoresLength = "Deno" in globalThis;

const chunkBytes = 65_536;

/** Streams a file and reports the bytes taken. With a high-water mark of 0 nothing is read ahead of the network. */
function counted(file: Blob, onSent?: (bytes: number) => void): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        if (sent > 0) onSent?.(sent);
        if (sent >= file.size) return controller.close();
        const chunk = new Uint8Array(await file.slice(sent, sent + chunkBytes).arrayBuffer());
        sent += chunk.length;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
}

/** Names the origin alone: the query of a presigned URL is a secret. */
const connectionError = (url: string, cause?: unknown) =>
  noResponse(new URL(url).origin, "The upload failed. Check the network.", cause);
