/** Reads what a request brings and refuses what it should not: the only place where bad data becomes a 4xx. */
import { VisibleError } from "@image-pipeline/core/error";
import type { Context, Env, MiddlewareHandler } from "hono";
import * as v from "valibot";
import { type Fault, InvalidRequest } from "./problem.ts";

/** The parts of a request that are read. */
export type Target = "json" | "query" | "param";

type Read<T extends Target, S extends v.GenericSchema> = {
  in: { [K in T]: v.InferInput<S> };
  out: { [K in T]: v.InferOutput<S> };
};

/** A schema that a route reads with, for the OpenAPI document. */
export type Reads = { target: Target; schema: v.GenericSchema };

const reads = new WeakMap<object, Reads>();

/** What this handler reads; undefined for handlers that were not made by `valid`. */
export const readsOf = (handler: object): Reads | undefined => reads.get(handler);

/**
 * Reads one part of a request into `c.req.valid(target)`. Throws `invalid_request` with every field that is wrong,
 * `malformed_json`, `unsupported_media_type`. A path that cannot name an image is `image_not_found`.
 */
export function valid<T extends Target, S extends v.GenericSchema>(
  target: T,
  schema: S,
): MiddlewareHandler<Env, string, Read<T, S>> {
  const reader: MiddlewareHandler<Env, string, Read<T, S>> = async (c, next) => {
    const read = readers[target](c);
    const result = v.safeParse(schema, read instanceof Promise ? await read : read, { abortPipeEarly: true });
    if (!result.success) {
      if (target === "param") throw new VisibleError("image_not_found", "No image has an id like this.");
      throw new InvalidRequest(result.issues.map((issue) => faultOf(target, issue)));
    }
    c.req.addValidatedData(target, result.output as object);
    await next();
  };
  reads.set(reader, { target, schema });
  return reader;
}

const readers = {
  json: readJson,
  query: ({ req }: Context) =>
    Object.fromEntries(
      Object.entries(req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
    ),
  param: ({ req }: Context) => req.param(),
} satisfies Record<Target, (c: Context) => unknown>;

async function readJson({ req }: Context): Promise<object> {
  const type = req.header("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new VisibleError("unsupported_media_type", "Send the body as application/json.");
  }
  const body = await parse(req);
  // To the library a list is an object with numbers for names.
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw new InvalidRequest([{ pointer: "", detail: "Must be an object." }]);
}

async function parse(req: Context["req"]): Promise<unknown> {
  try {
    return await req.json();
  } catch (cause) {
    throw new VisibleError("malformed_json", "The body could not be read as JSON.", { cause });
  }
}

function faultOf(target: Target, issue: v.BaseIssue<unknown>): Fault {
  const path = (issue.path ?? []).map(({ key }) => String(key));
  const detail = detailOf(target, issue);
  if (target !== "json") return { parameter: path[0] ?? "", detail };
  return {
    pointer: path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail,
  };
}

/** In our own words where the library speaks of keys. What was sent is not repeated: it may be long. */
function detailOf(target: Target, { type, expected, message }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") {
    return target === "json" ? "There is no such field." : "There is no such parameter.";
  }
  if (/object$/.test(type) && expected?.startsWith('"')) return "Is needed.";
  return message.replace(/ but received .*$/s, ".");
}
