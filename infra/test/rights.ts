/** IAM permissions as lines, one action on one resource each: `s3:GetObject {Uploads}/*`. For the tests. */
import { argsOf, type Graph, short } from "./graph.ts";

type Statement = {
  effect: string;
  actions: string[];
  resources: string[];
  conditions?: { test: string; variable: string; values: string[] }[];
};

/** Returns every permission of a function's role, in order; ` if ` precedes a condition. */
export function rightsOf(graph: Graph, fn: string): string[] {
  const { inlinePolicies } = argsOf(graph, /iam\/role:/, `${fn}Role`);
  const statements: Statement[] = inlinePolicies.flatMap(
    ({ policy }: { policy: string }) => JSON.parse(policy).Statement,
  );
  return statements
    .flatMap(({ effect, actions, resources, conditions = [] }) => {
      const only = conditions
        .map(({ test, variable, values }) => ` if ${operator(test)}${variable} is ${values.join(" or ")}`)
        .join("");
      return actions.flatMap((action) => resources.map((arn) => `${effect} ${action} ${short(arn)}${only}`));
    })
    .map((line) => line.replace(/^Allow /, ""))
    .sort();
}

/** Returns the operator of a condition; the most common one is left out. */
const operator = (test: string) => (test === "ForAllValues:StringLike" ? "" : `${test} `);

/** A requested action. `leading` are its partition keys, where the DynamoDB request contains them. */
export type Deed = { action: string; resource: string; leading?: string[] };

/** Returns the first of these permissions that allows an action; undefined if none does. */
export function allowing(
  rights: readonly string[],
  { action, resource, leading = [] }: Deed,
): string | undefined {
  return rights.find((right) => {
    const [, allowed = "", pattern = "", keys] =
      /^(\S+) (\S+)(?: if dynamodb:LeadingKeys is (.*))?$/.exec(right) ?? [];
    return (
      allowed === action &&
      matches(pattern, resource) &&
      (keys === undefined || leading.every((key) => keys.split(" or ").some((each) => matches(each, key))))
    );
  });
}

/** Matches IAM's wildcard: `*` is any text, including slashes. */
const matches = (pattern: string, text: string) =>
  new RegExp(`^${pattern.split("*").map(literal).join(".*")}$`).test(text);

const literal = (text: string) => text.replace(/[$^.*+?()[\]{}|\\]/g, "\\$&");
