/** Errors as RFC 9457 problems with a code of a closed set. Stacks, keys and internal messages are never sent. */
import { type Code, StorageError, VisibleError } from "@image-pipeline/core/error";
import { isServerError, isThrottlingError, isTransientError } from "@smithy/core/retry";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as v from "valibot";
import { logger } from "../log.ts";
import type { Env } from "./auth.ts";

/** The status and title of each code. A code without an entry does not compile. */
export const problems = {
  invalid_request: { status: 400, title: "Invalid request." },
  malformed_json: { status: 400, title: "Malformed JSON." },
  invalid_cursor: { status: 400, title: "Invalid cursor." },
  unauthenticated: { status: 401, title: "Authentication required." },
  forbidden: { status: 403, title: "Forbidden." },
  image_not_found: { status: 404, title: "Image not found." },
  webhook_not_found: { status: 404, title: "Webhook not found." },
  delivery_not_found: { status: 404, title: "Delivery not found." },
  route_not_found: { status: 404, title: "Route not found." },
  method_not_allowed: { status: 405, title: "Method not allowed." },
  image_not_ready: { status: 409, title: "Conflict: the image's status does not allow this." },
  image_trashed: { status: 409, title: "Conflict: the image is in the trash." },
  webhook_disabled: { status: 409, title: "Conflict: the webhook is disabled." },
  request_in_progress: {
    status: 409,
    title: "Conflict: a request with this idempotency key is in progress.",
  },
  cursor_expired: { status: 410, title: "Gone: the cursor has expired." },
  version_conflict: { status: 412, title: "Precondition failed: the image was modified." },
  body_too_large: { status: 413, title: "Content too large." },
  unsupported_media_type: { status: 415, title: "Unsupported media type." },
  too_many_bytes: { status: 413, title: "File too large." },
  unsupported_format: { status: 415, title: "Unsupported image format." },
  idempotency_key_reused: { status: 422, title: "Idempotency key reused for a different request." },
  quota_exceeded: { status: 429, title: "Quota exceeded." },
  not_attempted: { status: 503, title: "Not attempted: the batch ran out of time." },
  identity_unavailable: { status: 503, title: "Identity provider unavailable." },
  storage_unavailable: { status: 503, title: "Storage unavailable." },
  internal_error: { status: 500, title: "Internal server error." },
} as const satisfies Record<Code, { status: ContentfulStatusCode; title: string }>;

const Fault = v.pipe(
  v.object({
    pointer: v.optional(v.pipe(v.string(), v.description("JSON pointer to the invalid field of the body."))),
    parameter: v.optional(v.pipe(v.string(), v.description("Name of the invalid parameter or header."))),
    detail: v.pipe(v.string(), v.description("What is wrong with it.")),
  }),
  v.metadata({ ref: "Fault" }),
);
export type Fault = v.InferOutput<typeof Fault>;

export const Problem = v.pipe(
  v.object({
    type: v.pipe(v.string(), v.description("URL of the code's documentation.")),
    title: v.pipe(v.string(), v.description("Summary of the code; the same for every occurrence.")),
    status: v.pipe(
      v.number(),
      v.integer(),
      v.metadata({ format: "int32" }),
      v.description("HTTP status code."),
    ),
    detail: v.optional(v.pipe(v.string(), v.description("What failed this time and what to do."))),
    code: v.pipe(
      v.string(),
      v.metadata({ "x-extensible-enum": Object.keys(problems) }),
      v.description("Error code for programs. More codes may be added."),
    ),
    requestId: v.pipe(v.string(), v.description("Id of the request in the logs; include it in bug reports.")),
    errors: v.optional(v.pipe(v.array(Fault), v.description("Each invalid field or parameter."))),
  }),
  v.metadata({ ref: "Problem" }),
);
export type Problem = v.InferOutput<typeof Problem>;

/** Invalid request data, with each invalid field. Thrown while a request is validated, and nowhere else. */
export class InvalidRequest extends VisibleError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super("invalid_request", "Correct the fields and parameters that are listed in `errors`.");
    this.faults = faults;
  }
}

/**
 * Returns the problem for an error, and the seconds until a retry can succeed, if known. An error that is not for callers is
 * logged and withheld.
 */
export function problemOf(
  error: unknown,
  context: Pick<Env["Variables"], "requestId" | "settings">,
): { problem: Problem & { status: ContentfulStatusCode; code: Code }; retryAfter: number | undefined } {
  const { requestId, settings } = context;
  if (!(error instanceof VisibleError)) return problemOf(visible(error, requestId), context);
  const { code, message, retryAfterSeconds } = error;
  const { status, title } = problems[code];
  const problem = {
    type: `${settings.url}/docs#${code}`,
    title,
    status,
    detail: message,
    code,
    requestId,
    ...(error instanceof InvalidRequest ? { errors: [...error.faults] } : {}),
  };
  return { problem, retryAfter: retryAfterSeconds };
}

/** Responds with the problem for an error. An error that is not for callers is logged and withheld. */
export function answer(error: unknown, c: Context<Env>): Response {
  const { problem, retryAfter } = problemOf(error, c.var);
  return c.json(problem, problem.status, {
    "content-type": "application/problem+json",
    ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    ...(problem.code === "unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
  });
}

function visible(error: unknown, requestId: string): VisibleError {
  // The one exception that Hono's validator throws.
  if (error instanceof HTTPException && error.status === 400) {
    return new VisibleError("malformed_json", "The body could not be parsed as JSON.", { cause: error });
  }
  logger().error("failed", { requestId, error });
  if (isStorageFault(error)) {
    return new VisibleError(
      "storage_unavailable",
      "DynamoDB, S3 or SQS did not answer, or is overloaded; on one machine the disk may be full. Send the request again after `Retry-After` seconds. The cause is logged under this request id.",
      { retryAfterSeconds: 5 },
    );
  }
  return new VisibleError("internal_error", "The error is logged under this request id.");
}

/** Returns whether an error, or one of its causes, is a fault of a store: a 5xx, throttling or no answer. */
function isStorageFault(error: unknown): boolean {
  if (!isError(error)) return false;
  if (error instanceof StorageError || isServerError(error) || isThrottlingError(error)) return true;
  return isTransientError(error) || isStorageFault(error.cause);
}

/** An `Error`, with the properties that the SDK's errors may have. */
const isError = (given: unknown): given is Parameters<typeof isServerError>[0] => given instanceof Error;
