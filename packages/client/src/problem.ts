/** Errors of the client, by code. */
import type { ApiCode, ApiProblem, Fault } from "./types.ts";

/**
 * Codes of errors that do not come from the API: no response, an upload that S3 refused, a timeout, a foreign response, a
 * queued file that the device no longer has, a store of the upload queue that failed.
 */
export type LocalCode =
  | "network_error"
  | "upload_refused"
  | "timed_out"
  | "unexpected_answer"
  | "file_missing"
  | "store_failed";

/** Error codes of the API and of this client. An open set: a newer API may send others. */
export type Code = ApiCode | LocalCode | (string & {});

/** Details of a `ClientError`. */
export type Details = {
  status?: number;
  requestID?: string;
  fields?: readonly Fault[];
  retryAfterSeconds?: number;
  /** Default: derived from `code` and `status`. */
  isTransient?: boolean;
  cause?: unknown;
};

/**
 * Error of every method of the client, except for a cancellation, which rejects with the signal's reason. `code` is
 * stable and meant for programs. `status` is the HTTP status if there was a response, `requestID` the request's id in
 * the service's log.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: Code;
  readonly status?: number;
  readonly requestID?: string;
  /** Invalid fields of an `invalid_request`, by JSON pointer; otherwise empty. */
  readonly fields: readonly Fault[];
  /** Value of `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /**
   * True if a retry of the same request can succeed: no response, a 5xx, an idempotent request that is still in
   * progress, or a 429 of Lambda itself, which has no problem document.
   */
  readonly isTransient: boolean;

  constructor(code: Code, message: string, details: Details = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.requestID = details.requestID;
    this.fields = details.fields ?? [];
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.isTransient =
      details.isTransient ??
      (code === "network_error" ||
        code === "request_in_progress" ||
        (code === "unexpected_answer" && details.status === 429) ||
        (details.status ?? 0) >= 500);
  }
}

/**
 * Returns the `network_error` of a request to `url` that got no response. A browser hides from scripts that CORS is the
 * reason, so the message of a page of another origin names CORS as well.
 */
export function noResponse(url: string, advice: string, cause?: unknown): ClientError {
  const page = typeof location === "undefined" ? undefined : location.origin;
  const isForeign = page !== undefined && URL.canParse(url) && new URL(url).origin !== page;
  const cors = isForeign
    ? ` If the server runs, CORS may refuse this page: add ${page} to CORS_ORIGINS.`
    : "";
  return new ClientError("network_error", `No response from ${url}. ${advice}${cors}`, { cause });
}

/** Converts an unsuccessful response to an error. Reads the body, which may be a problem document (RFC 9457). */
export async function errorFrom(response: Response): Promise<ClientError> {
  const text = await response.text().catch(() => "");
  const problem = parse(text);
  const details = {
    status: response.status,
    requestID: problem.requestId ?? response.headers.get("x-request-id") ?? undefined,
    fields: problem.errors,
    retryAfterSeconds: Number(response.headers.get("retry-after")) || undefined,
  };
  if (problem.code) {
    return new ClientError(problem.code, messageOf(problem) ?? problem.code, details);
  }
  const message = `The API returned ${response.status} without a problem document${text ? `: ${text.slice(0, 200)}` : "."}`;
  return new ClientError("unexpected_answer", message, details);
}

type Problem = Partial<ApiProblem>;

/** Returns a problem's text; of invalid data, each field and parameter with what is wrong with it. */
function messageOf({ title, detail, errors = [] }: Problem): string | undefined {
  const faults = errors.map((fault) => `${fault.pointer || fault.parameter || "body"}: ${fault.detail}`);
  return faults.length > 0 ? [title, ...faults].join(" ") : (detail ?? title);
}

function parse(text: string): Problem {
  try {
    return (JSON.parse(text) as Problem | null) ?? {};
  } catch {
    // Not a response of the API: most likely a proxy's error page.
    return {};
  }
}
