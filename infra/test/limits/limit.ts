/** A hard limit of AWS on resources of one type, and what its measures share. */
import type { Graph, Resource } from "../graph.ts";

/** The arguments of a resource, as Pulumi has them. */
export type Inputs = Resource["inputs"];

/** A limit of a resource type: its measures are between `least` and `most`, or its texts match `pattern`. */
export type Limit = {
  what: string;
  type: RegExp;
  source: string;
} & (
  | { measure: (inputs: Inputs, graph: Graph) => number[]; least?: number; most: number }
  | { texts: (inputs: Inputs, graph: Graph) => string[]; pattern: RegExp }
);

/** Root of AWS's documentation, where the sources are. */
export const docs = "https://docs.aws.amazon.com";

/** Returns a list of the value, or an empty list if the resource does not set it. */
export const given = <T>(value: T | undefined | null): T[] =>
  value === undefined || value === null ? [] : [value];

/** Returns the UTF-8 length of a text, as a list of at most one. */
export const bytes = (text: string | undefined) => given(text).map((each) => Buffer.byteLength(each));

/** Returns the measures or texts of a resource that break a limit. */
export function broken(limit: Limit, { inputs }: Resource, graph: Graph): (number | string)[] {
  if ("texts" in limit) return limit.texts(inputs, graph).filter((text) => !limit.pattern.test(text));
  const { least = 0, most } = limit;
  return limit.measure(inputs, graph).filter((measure) => !(measure >= least && measure <= most));
}
