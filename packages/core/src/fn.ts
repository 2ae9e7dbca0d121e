import * as v from "valibot";

/**
 * Wraps an operation so that its input is validated before it runs. Throws valibot's `ValiError`: from inside
 * the domain that is a bug of ours, never the caller's fault.
 */
export function fn<S extends v.GenericSchema, R>(schema: S, run: (input: v.InferOutput<S>) => R) {
  return Object.assign((input: v.InferInput<S>): R => run(v.parse(schema, input)), { schema });
}
