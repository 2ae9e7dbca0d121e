/**
 * What every route declares: its scope, its answers and its errors. The scope is enforced here, so that no route
 * can have a description without a guard; the description becomes the OpenAPI document.
 */
import { type Code, VisibleError } from "@image-pipeline/core/error";
import type { Scope } from "@image-pipeline/core/scope";
import type { Hono, MiddlewareHandler } from "hono";
import type * as v from "valibot";
import { type Caller, identify } from "./caller.ts";

/** One answer of a route. Without a schema it has no body. */
export type Answer = {
  description: string;
  schema?: v.GenericSchema;
  contentType?: string;
  headers?: Record<string, string>;
  example?: unknown;
};

/** A route as data. `open` routes ask nobody who they are. */
export type Declaration = {
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  scope: Scope | "open";
  answers: Partial<Record<200 | 201 | 204 | 302 | 304, Answer>>;
  errors: readonly Code[];
  /** Request headers that the route heeds, beside those that all do. */
  headers?: readonly ("Idempotency-Key" | "If-Match" | "If-None-Match")[];
  /** An example of the body. */
  body?: unknown;
};

/** What the handlers of a guarded route know. */
export type Known = { Variables: { caller: Caller } };

const declarations = new WeakMap<object, Declaration>();

/**
 * Declares a route and guards it: callers without its scope are refused before anything of the request is looked
 * at. Throws `unauthenticated`, `forbidden`.
 */
export function route(declaration: Declaration): MiddlewareHandler<Known> {
  const { scope } = declaration;
  const guard: MiddlewareHandler<Known> = async (c, next) => {
    if (scope !== "open") {
      const caller = await identify(c);
      c.set("caller", caller);
      if (!caller.scopes.includes(scope)) {
        throw new VisibleError("forbidden", `This needs the scope ${scope}.`);
      }
    }
    await next();
  };
  declarations.set(guard, declaration);
  return guard;
}

/** A route that the application has. `path` is Hono's pattern, such as `/images/:id`. */
export type Declared = { method: string; path: string; declaration: Declaration };

/** Every route of an application with its declaration. Throws if one has none: then it would have no guard either. */
export function declared(app: Pick<Hono, "routes">): Declared[] {
  const routes = new Map<string, Declared | undefined>();
  for (const { method, path, handler } of app.routes) {
    if (method === "ALL") continue; // middleware
    const name = `${method} ${path}`;
    const declaration = declarations.get(handler);
    routes.set(name, declaration ? { method, path, declaration } : routes.get(name));
  }
  return [...routes].map(([name, route]) => {
    if (!route) throw new Error(`${name} declares no scope: begin it with route().`);
    return route;
  });
}
