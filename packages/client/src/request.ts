/** Requests to the API: JSON in, JSON out, errors by code. */
import { ClientError, errorFrom } from "./problem.ts";
import { withRetries } from "./retry.ts";

/** Where the API is and who asks. A token may be a function, called for each request, that fetches or renews it. */
export type Options = {
  /** Such as `https://images.example.com`. */
  baseUrl: string;
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Another `fetch`, for the API's requests alone. */
  fetch?: (url: string, init: RequestInit) => Response | Promise<Response>;
  /** How often a request is tried before its transient error is thrown (5). */
  tries?: number;
};

export type Init = {
  query?: Record<string, string | number | readonly string[] | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

/** A way to make requests. Throws `ClientError`, or the signal's reason. */
export type Request = <T>(method: string, path: string, init?: Init) => Promise<T>;

/** A `Request` that repeats what failed for no lasting reason, which the API lets every method do without harm. */
export function createRequest({ baseUrl, token, fetch: send = fetch, tries }: Options): Request {
  const base = baseUrl.replace(/\/+$/, "");
  return <T>(method: string, path: string, { query = {}, body, headers, signal }: Init = {}) => {
    let count = 0;
    return withRetries(
      async () => {
        count++;
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
        if (!response.ok) {
          const error = await errorFrom(response);
          // An earlier try has deleted it, only its answer did not come.
          if (count > 1 && method === "DELETE" && error.code === "image_not_found") return undefined as T;
          throw error;
        }
        return parse(await reach(() => response.text())) as T;
      },
      { signal, tries },
    );
  };

  async function reach<T>(run: () => T | Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      // Every `fetch` throws a TypeError when nothing answered; a cancellation is something else.
      if (!(cause instanceof TypeError)) throw cause;
      throw new ClientError("network_error", `Nothing answered at ${base}.`, { cause });
    }
  }
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch (cause) {
    const message = `This is not the images API: it answered ${JSON.stringify(text.slice(0, 40))}.`;
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
