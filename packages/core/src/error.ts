/** Error codes of the API. `http/problem.ts` maps each to a status; the compiler holds that table complete. */
export const codes = [
  "invalid_request",
  "malformed_json",
  "invalid_cursor",
  "cursor_expired",
  "body_too_large",
  "unsupported_media_type",
  "too_many_bytes",
  "unsupported_format",
  "unauthenticated",
  "forbidden",
  "image_not_found",
  "webhook_not_found",
  "delivery_not_found",
  "route_not_found",
  "method_not_allowed",
  "image_not_ready",
  "image_trashed",
  "webhook_disabled",
  "version_conflict",
  "idempotency_key_reused",
  "request_in_progress",
  "quota_exceeded",
  "not_attempted",
  "identity_unavailable",
  "storage_unavailable",
  "internal_error",
] as const;

export type Code = (typeof codes)[number];

/** An error whose code and message the caller sees. Any other error becomes `internal_error`. */
export class VisibleError extends Error {
  readonly code: Code;
  /** Seconds until a retry can succeed, if known. */
  readonly retryAfterSeconds: number | undefined;
  override readonly name = "VisibleError";

  constructor(code: Code, message: string, options?: ErrorOptions & { retryAfterSeconds?: number }) {
    super(message, options);
    this.code = code;
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}

/**
 * A store that did not answer, or answered with 5xx, after every retry. Not a `VisibleError`, because the work may have
 * begun. The API answers `storage_unavailable`.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
}
