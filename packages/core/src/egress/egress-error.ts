/** Cause of a failed outgoing request: `refused` by the policy, `unreachable`, `too_large` or `timeout`. */
export type Reason = "refused" | "unreachable" | "too_large" | "timeout";

/** A failed outgoing request. Its message may be shown to callers: it has no path, query, header or address. */
export class EgressError extends Error {
  readonly reason: Reason;
  override readonly name = "EgressError";

  constructor(reason: Reason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
