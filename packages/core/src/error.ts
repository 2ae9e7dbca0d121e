/**
 * Every code that a caller can meet, in one place. `http/problem.ts` maps each to its status and is held
 * complete by the compiler.
 */
export const codes = [
  "invalid_request",
  "malformed_json",
  "invalid_cursor",
  "body_too_large",
  "unsupported_media_type",
  "unauthenticated",
  "forbidden",
  "image_not_found",
  "route_not_found",
  "method_not_allowed",
  "image_not_ready",
  "version_conflict",
  "idempotency_key_reused",
  "request_in_progress",
  "quota_exceeded",
  "identity_unavailable",
  "internal_error",
] as const;

export type Code = (typeof codes)[number];

/** An error whose code and message the caller may see. Anything else that is thrown becomes `internal_error`. */
export class VisibleError extends Error {
  readonly code: Code;
  /** When it is worth trying again, where that is known. */
  readonly retryAfterSeconds: number | undefined;
  override readonly name = "VisibleError";

  constructor(code: Code, message: string, options?: ErrorOptions & { retryAfterSeconds?: number }) {
    super(message, options);
    this.code = code;
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}
