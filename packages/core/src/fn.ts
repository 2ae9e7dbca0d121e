import * as v from "valibot";

/**
 * Validates an operation's input before it runs. Throws valibot's `ValiError`: invalid input from inside the domain is
 * a bug, never the caller's fault.
 */
export const fn =
  <S extends v.GenericSchema, R>(schema: S, run: (input: v.InferOutput<S>) => R) =>
  (input: v.InferInput<S>): R =>
    run(v.parse(schema, input));
