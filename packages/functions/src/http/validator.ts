/** Validates requests. Invalid request data becomes a 4xx here and nowhere else. */
import { VisibleError } from "@image-pipeline/core/error";
import type { Env, MiddlewareHandler } from "hono";
import { validator as validate } from "hono-openapi";
import * as v from "valibot";
import { type Fault, InvalidRequest } from "./problem.ts";

type Target = "json" | "query" | "param";

type Read<T extends Target, S extends v.GenericSchema> = {
  in: { [K in T]: v.InferInput<S> };
  out: { [K in T]: v.InferOutput<S> };
};

/** The media type of a JSON merge patch (RFC 7396). */
export const mergePatch = "application/merge-patch+json";

/** Returns a request's media type in lower case, without parameters. */
export const mediaTypeOf = (contentType = ""): string =>
  (contentType.split(";")[0] ?? "").trim().toLowerCase();

/**
 * Validates one part of a request into `c.req.valid(target)`. A JSON body must have one of the media types `types`.
 * Throws `invalid_request` with every invalid field, and `unsupported_media_type`; a body that is not JSON is Hono's own exception, which `answer` turns into
 * `malformed_json`. A path parameter that is no image id is `image_not_found`.
 */
export function validator<T extends Target, S extends v.GenericSchema>(
  target: T,
  schema: S,
  types: readonly string[] = ["application/json"],
): MiddlewareHandler<Env, string, Read<T, S>> {
  const middleware = validate(target, v.config(schema, { abortPipeEarly: true }), (result, c) => {
    if (target === "json") {
      // Of another media type Hono reads no body and validates an empty object.
      const type = mediaTypeOf(c.req.header("content-type"));
      if (!types.includes(type)) {
        throw new VisibleError(
          "unsupported_media_type",
          `The body has the content type ${JSON.stringify(type)}. Send it as \`${types.join("` or `")}\`.`,
        );
      }
      // Valibot takes an array for an object.
      if (Array.isArray(result.data))
        throw new InvalidRequest([{ pointer: "", detail: "Must be an object." }]);
    }
    if (result.success) {
      const unknown = target === "query" ? droppedOf(c.req.url) : [];
      if (unknown.length === 0) return;
      throw new InvalidRequest(unknown.map((parameter) => ({ parameter, detail: "Unknown parameter." })));
    }
    if (target === "param") throw new VisibleError("image_not_found", "No image has an id of this form.");
    throw new InvalidRequest(faultsOf(target, result.error as v.BaseIssue<unknown>[]));
  });
  return middleware as MiddlewareHandler<Env, string, Read<T, S>>;
}

/** Parameters that valibot's objects drop without an issue, unless they are strict. */
const dropped = ["__proto__", "constructor", "prototype"];

const droppedOf = (url: string) =>
  [...new URL(url).searchParams.keys()].filter((name) => dropped.includes(name));

/** Returns the faults of a request that these issues of its validation are. */
export const faultsOf = (target: Target, issues: readonly v.BaseIssue<unknown>[]): Fault[] =>
  issues.map((issue) => faultOf(target, issue));

function faultOf(target: Target, issue: v.BaseIssue<unknown>): Fault {
  const path = (issue.path ?? []).map(({ key }) => String(key).toWellFormed());
  const detail = detailOf(target, issue);
  if (target !== "json") return { parameter: path[0] ?? "", detail };
  return {
    pointer: path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail,
  };
}

/** The issue's message in terms of fields and parameters. The value is not repeated: it may be long. */
function detailOf(target: Target, { type, expected, message }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") {
    return target === "json" ? "Unknown field." : "Unknown parameter.";
  }
  if (/object$/.test(type) && expected?.startsWith('"')) return "Required.";
  return message.replace(/ but received .*$/s, ".");
}
