/** What can go wrong, by code. */
import type { Problem as ApiProblem, Fault, problems } from "@image-pipeline/functions/http/problem";

/** Faults that the API has no part in: nothing answered, the store refused the bytes, or it took too long. */
export type LocalCode = "network_error" | "upload_refused" | "timed_out" | "unexpected_answer";

/** Every code of the API and of this client. Open: a newer API may send more. */
export type Code = keyof typeof problems | LocalCode | (string & {});

export type Details = {
  status?: number;
  requestID?: string;
  fields?: readonly Fault[];
  retryAfterSeconds?: number;
  /** By default what the status says. */
  isTransient?: boolean;
  cause?: unknown;
};

/**
 * Every error that this client throws, except a cancellation, which is the signal's own reason. `code` says which,
 * `status` is the HTTP status where there was an answer, and `requestID` finds the request in the service's log.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: Code;
  readonly status?: number;
  readonly requestID?: string;
  /** What is wrong with which field; empty where it is not about fields. */
  readonly fields: readonly Fault[];
  /** How long the service asks to wait before the next try. */
  readonly retryAfterSeconds?: number;
  /**
   * Whether the same request may well succeed a little later: no answer, a fault of the server's (5xx), or an earlier
   * try that is still being answered.
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
      (code === "network_error" || code === "request_in_progress" || (details.status ?? 0) >= 500);
  }
}

/** The error that an answer stands for: a problem (RFC 9457) where it is one. Reads the body. */
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
    return new ClientError(problem.code, problem.detail ?? problem.title ?? problem.code, details);
  }
  const message = `The service answered ${response.status}${text ? `: ${text.slice(0, 200)}` : "."}`;
  return new ClientError("unexpected_answer", message, details);
}

type Problem = Partial<ApiProblem>;

function parse(text: string): Problem {
  try {
    return (JSON.parse(text) as Problem | null) ?? {};
  } catch {
    // Not from our API: a proxy's page, most likely.
    return {};
  }
}
