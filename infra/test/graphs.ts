/** The evaluated stages, for the tests. */
import { evaluate, type Graph } from "./graph.ts";
import { stages } from "./stages.ts";

/** Every stage with its name. */
export const all: [name: string, graph: Graph][] = await Promise.all(
  Object.entries(stages).map(
    async ([name, stage]): Promise<[string, Graph]> => [name, await evaluate(stage)],
  ),
);

/** Evaluates one stage by name. */
export const graphOf = (name: keyof typeof stages): Promise<Graph> => evaluate(stages[name]);

/** Returns true if a stage has a daily limit and therefore the spend breaker. */
export const hasBreaker = (name: string): boolean => name !== "sst dev" && name !== "unlimited";

/** Returns the name of the function that is the second origin of files: that of a recipe with lazy files makes them. */
export const secondOriginOf = (name: string): "Missing" | "Renderer" =>
  name === "lazy" ? "Renderer" : "Missing";

/** Returns true if a stage has a function. */
export const hasFunction = (name: string, fn: string): boolean =>
  fn === "Breaker"
    ? hasBreaker(name)
    : (fn !== "Missing" && fn !== "Renderer") || fn === secondOriginOf(name);

/** The region of a stage. */
export const regionOf = (name: string): string => (name === "configured" ? "eu-central-1" : "us-east-1");
