/** Errors as callers meet them: RFC 9457 problems with a code of a closed set, and never a stack or a key. */
import { type Code, VisibleError } from "@image-pipeline/core/error";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { Resource } from "sst";
import * as v from "valibot";
import { log } from "../log.ts";

/** What each code means over HTTP. Adding a code without its status does not compile. */
export const problems = {
  invalid_request: { status: 400, title: "The request is not valid." },
  malformed_json: { status: 400, title: "The body is not JSON." },
  invalid_cursor: { status: 400, title: "The cursor is not valid." },
  unauthenticated: { status: 401, title: "Who is asking is not known." },
  forbidden: { status: 403, title: "This is not allowed." },
  image_not_found: { status: 404, title: "There is no such image." },
  route_not_found: { status: 404, title: "There is nothing at this address." },
  method_not_allowed: { status: 405, title: "This address does not take that method." },
  image_not_ready: { status: 409, title: "The image is not in a state for this." },
  request_in_progress: { status: 409, title: "The same request is still being answered." },
  version_conflict: { status: 412, title: "The image has changed meanwhile." },
  body_too_large: { status: 413, title: "The body is too large." },
  unsupported_media_type: { status: 415, title: "The body is of the wrong type." },
  idempotency_key_reused: { status: 422, title: "This idempotency key belongs to another request." },
  quota_exceeded: { status: 429, title: "Too much at once." },
  identity_unavailable: { status: 503, title: "Who is asking cannot be found out just now." },
  internal_error: { status: 500, title: "Something went wrong on our side." },
} as const satisfies Record<Code, { status: ContentfulStatusCode; title: string }>;

const Fault = v.pipe(
  v.object({
    pointer: v.optional(v.pipe(v.string(), v.description("The place in the body, as a JSON pointer."))),
    parameter: v.optional(v.pipe(v.string(), v.description("The parameter's name."))),
    detail: v.pipe(v.string(), v.description("What is wrong there.")),
  }),
  v.metadata({ ref: "Fault" }),
);
export type Fault = v.InferOutput<typeof Fault>;

export const Problem = v.pipe(
  v.object({
    type: v.pipe(v.string(), v.description("The address of the code's description.")),
    title: v.pipe(v.string(), v.description("What the code means, in words.")),
    status: v.pipe(v.number(), v.integer(), v.metadata({ format: "int32" }), v.description("As in HTTP.")),
    detail: v.optional(v.pipe(v.string(), v.description("What happened this time."))),
    code: v.pipe(v.string(), v.description("What happened, for programs. More codes may come.")),
    requestId: v.pipe(v.string(), v.description("Say it when you report a problem.")),
    errors: v.optional(v.pipe(v.array(Fault), v.description("What is wrong, field by field."))),
  }),
  v.metadata({ ref: "Problem" }),
);
export type Problem = v.InferOutput<typeof Problem>;

/** Bad request data, with each field that is wrong. Thrown while a request is read, and nowhere else. */
export class InvalidRequest extends VisibleError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super("invalid_request", "See `errors`.");
    this.faults = faults;
  }
}

/** Answers with the problem that an error stands for. What is not meant for callers is logged and withheld. */
export function answer(error: unknown, c: Context): Response {
  const requestId: string = c.get("requestId");
  if (!(error instanceof VisibleError)) {
    log.error("failed", { requestId, error });
    return answer(new VisibleError("internal_error", "The fault is logged under this request id."), c);
  }
  const { code, message, retryAfterSeconds } = error;
  const { status, title } = problems[code];
  const problem: Problem = {
    type: `${Resource.Router.url}/docs#${code}`,
    title,
    status,
    detail: message,
    code,
    requestId,
    ...(error instanceof InvalidRequest ? { errors: [...error.faults] } : {}),
  };
  return c.json(problem, status, {
    "content-type": "application/problem+json",
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
    ...(code === "unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
  });
}
