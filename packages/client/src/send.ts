/** Sending a file's bytes where the API said, with progress that is real: what the network took, not what was asked. */
import { ClientError } from "./problem.ts";

/** A request to make exactly so. */
export type Target = { method: string; url: string; headers?: Record<string, string> };

/** React Native's files are named by where they are, and read by the platform itself. */
export type Body = Blob | { uri: string };

export type SendOptions = { onSent?: (bytes: number) => void; signal?: AbortSignal };

/** What the store answered. */
export type Answer = { status: number; text: string; etag?: string };

/**
 * Sends a body, with `XMLHttpRequest` where there is one (browsers and React Native, whose `fetch` tells nothing of
 * an upload's progress) and as a counted stream elsewhere. Throws `network_error`, or the signal's reason.
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
    request.onerror = settle(() => reject(unreached()));
    request.onabort = settle(() => reject(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    // React Native takes `{ uri }` here; the browser's types do not know it.
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
      "A file named by its `uri` can be uploaded in React Native only.",
    );
  }
  try {
    const response = await fetch(url, {
      method,
      signal,
      headers,
      // The length is signed into the upload; without it a stream would go out in chunks of unknown number.
      ...(body && {
        headers: { ...headers, "content-length": String(body.size) },
        body: counted(body, onSent),
        duplex: "half",
      }),
    });
    return {
      status: response.status,
      text: await response.text(),
      etag: response.headers.get("etag") ?? undefined,
    };
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw unreached(cause);
  }
}

/** An answer that says the store did as it was asked. Throws `upload_refused` for any other. */
export function accept(answer: Answer): Answer {
  const { status, text } = answer;
  const [, code] = /<Code>([^<]*)<\/Code>/.exec(text) ?? [];
  // S3 may notice only after its 200 that it cannot put the parts together.
  if (status >= 200 && status < 300 && code === undefined) return answer;
  const message = `The store refused the file: ${code ?? "no reason given"} (${status}).`;
  // 409: an earlier try of the same upload is still under way.
  const isTransient = status < 300 || status === 409 || status >= 500;
  throw new ClientError("upload_refused", message, { status, isTransient });
}

const chunkBytes = 65_536;

/** A file as a stream that tells how much of it was taken. Nothing is read ahead, so what was taken is on its way. */
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

const unreached = (cause?: unknown) =>
  new ClientError("network_error", "The connection broke while the file was being sent.", { cause });
