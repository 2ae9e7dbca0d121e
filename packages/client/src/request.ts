/** Requests to the API: JSON bodies, retries, errors by code. */
import { ClientError, errorFrom, noResponse } from "./problem.ts";
import { withRetries } from "./retry.ts";

/** Options of `createClient`. */
export type Options = {
  /**
   * URL of the API.
   * @example "https://images.example.com"
   */
  baseUrl: string;
  /** API key or JWT, or a function that returns one. The function runs before each attempt, so that it can renew a token. */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Replacement for `fetch`, used for requests to the API but not for uploads to S3. */
  fetch?: (url: string, init: RequestInit) => Response | Promise<Response>;
  /**
   * Attempts per request, if errors are transient.
   * @default 5
   */
  tries?: number;
};

/** Options of one request. A `query` value that is an array repeats its parameter. */
export type Init = {
  query?: Record<string, string | number | readonly string[] | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Attempts of this request, instead of those of the client. */
  tries?: number;
  /** Receives the successful response, or the 304, before its body is read. */
  onResponse?: (response: Pick<Response, "headers">) => void;
};

/** Makes a request and returns the parsed body, which is undefined for a 304. Throws `ClientError`, or the signal's reason. */
export type Request = <T>(method: string, path: string, init?: Init) => Promise<T>;

/** Creates an idempotency key. Unique, but not unguessable: `crypto` is missing in React Native and on insecure origins. */
export const randomKey = (): string =>
  [Date.now(), Math.random(), Math.random()].map((number) => number.toString(36).replace("0.", "")).join("");

/** Creates a `Request` that retries transient errors. Safe for every method: each of the API's operations is idempotent, but for the creation of a webhook. */
export function createRequest({ baseUrl, token, fetch: send = fetch, ...options }: Options): Request {
  const base = baseUrl.replace(/\/+$/, "");
  return <T>(method: string, path: string, init: Init = {}) => {
    const { query = {}, body, headers, signal, onResponse, tries = options.tries } = init;
    return withRetries(
      async () => {
        const bearer = typeof token === "function" ? await token() : token;
        const response = await reach(() =>
          send(`${base}${path}${search(query)}`, {
            method,
            signal,
            headers: {
              accept: "application/json",
              ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
              ...(body === undefined ? {} : { "content-type": "application/json" }),
              ...headers,
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        );
        if (!response.ok && response.status !== 304) {
          throw await errorFrom(response);
        }
        onResponse?.(response);
        return parse(await reach(() => response.text())) as T;
      },
      { signal, tries },
    );
  };

  async function reach<T>(run: () => T | Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      // `fetch` throws a TypeError without a response; a cancellation throws something else.
      if (!(cause instanceof TypeError)) throw cause;
      throw noResponse(base, "Check the network and `baseUrl`.", cause);
    }
  }
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch (cause) {
    const message = `The response is not JSON: ${JSON.stringify(text.slice(0, 40))}. Is \`baseUrl\` the URL of the images API?`;
    throw new ClientError("unexpected_answer", message, { cause });
  }
}

function search(query: NonNullable<Init["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`),
  );
  return pairs.length > 0 ? `?${pairs.join("&")}` : "";
}
