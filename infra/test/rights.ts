/** Rights as lines, one action on one resource each: `s3:GetObject {Uploads}/*`. For the tests. */
import { argsOf, type Graph } from "./graph.ts";
import { short } from "./graphs.ts";

type Statement = {
  effect: string;
  actions: string[];
  resources: string[];
  conditions?: { test: string; variable: string; values: string[] }[];
};

/** Every right of a function's role, in order; ` if ` where there is a condition. */
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

/** The one that the table of rights is written in goes without saying; any other is said. */
const operator = (test: string) => (test === "ForAllValues:StringLike" ? "" : `${test} `);

/** What somebody wants to do; `leading` are the partition keys it is about, where DynamoDB knows them beforehand. */
export type Deed = { action: string; resource: string; leading?: string[] };

/** The first of these rights that allows a deed; undefined where none does. */
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

/** IAM's wildcard: `*` is anything, slashes included. */
const matches = (pattern: string, text: string) =>
  new RegExp(`^${pattern.split("*").map(literal).join(".*")}$`).test(text);

const literal = (text: string) => text.replace(/[$^.*+?()[\]{}|\\]/g, "\\$&");
