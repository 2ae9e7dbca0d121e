import { expect, test } from "vitest";
import { evaluate, type Graph, resourcesOf } from "./graph.ts";
import { all, graphOf } from "./graphs.ts";
import { broken, type Limit } from "./limits/limit.ts";
import { limits } from "./limits.ts";
import { longest } from "./stages.ts";

const stages: [name: string, graph: Graph][] = [...all, ["longest", await evaluate(longest)]];

const titled = limits.map((limit): [string, Limit] => [`${limit.type.source} ${limit.what}`, limit]);

test.each(titled)("AWS accepts of every stage: %s", (_title, limit) => {
  const faults = stages.flatMap(([stage, graph]) =>
    resourcesOf(graph, limit.type).flatMap((resource) =>
      broken(limit, resource, graph).map(
        (value) => `${stage}: ${resource.name} has ${value}, see ${limit.source}`,
      ),
    ),
  );
  expect(faults).toEqual([]);
});

test.each(titled)("some stage has: %s", (_title, limit) => {
  const seen = stages.flatMap(([, graph]) =>
    resourcesOf(graph, limit.type).map(({ inputs }) =>
      "texts" in limit ? limit.texts(inputs, graph).length : limit.measure(inputs, graph).length,
    ),
  );
  expect(Math.max(...seen)).toBeGreaterThan(0);
});

test("the CloudFront function keeps 2,000 bytes below the limit for SST's next version", () => {
  const sizes = stages.map(([stage, graph]): [string, number] => {
    const [fn] = resourcesOf(graph, /cloudfront\/function:/);
    return [stage, Buffer.byteLength(fn?.inputs.code)];
  });
  const [stage, most] = sizes.reduce((a, b) => (b[1] > a[1] ? b : a));
  console.log(
    `The CloudFront function has at most ${most} of 10240 bytes (${stage}), ${10_240 - most} below the limit.`,
  );
  expect(most).toBeLessThanOrEqual(8_240);
});

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-policies */
const policiesPerAccount = 20;

/** Returns how many stages fit next to production, by the scarcer kind of policy. */
function stagesNextTo(production: Graph, other: Graph): number {
  const fitting = [/responseHeadersPolicy:/, /cloudfront\/cachePolicy:/, /originRequestPolicy:/].map(
    (type) => {
      const count = (graph: Graph) => resourcesOf(graph, type).length;
      return Math.floor((policiesPerAccount - count(production)) / count(other));
    },
  );
  return Math.min(...fitting);
}

test("17 other stages fit into an account next to production, and fewer if each has one policy more", async () => {
  const [production, other] = await Promise.all([graphOf("production"), graphOf("development")]);
  expect(stagesNextTo(production, other)).toBeGreaterThanOrEqual(17);
  const [policy] = resourcesOf(other, /responseHeadersPolicy:/);
  if (!policy) throw new Error("The stage has no response headers policy.");
  expect(stagesNextTo(production, { ...other, resources: [...other.resources, policy] })).toBe(8);
});

test("a role with more statements than the limit is found in a copy of the graph", async () => {
  const limit = limits.find(({ what }) => what === "statements of an inline policy");
  const graph = await graphOf("production");
  const [role] = resourcesOf(graph, /iam\/role:/);
  if (!limit || !role) throw new Error("The limit or the role is missing.");
  const policy = JSON.stringify({ Statement: Array.from({ length: 10_241 }, () => ({})) });
  expect(broken(limit, { ...role, inputs: { ...role.inputs, inlinePolicies: [{ policy }] } }, graph)).toEqual(
    [10_241],
  );
});

test("a web ACL over its limits is found in a copy of the graph", async () => {
  const graph = await evaluate(longest);
  const [acl] = resourcesOf(graph, /wafv2\/webAcl:/);
  if (!acl) throw new Error("The stage has no web ACL.");
  expect([acl.region, acl.inputs.scope]).toEqual(["us-east-1", "CLOUDFRONT"]);
  const [rate, ...others] = acl.inputs.rules;
  const rules = [
    { ...rate, statement: { rateBasedStatement: { limit: 9 } } },
    { ...rate, name: "no spaces" },
    ...others,
    ...others.slice(1),
  ];
  const copy = { ...acl, inputs: { ...acl.inputs, rules } };
  const found = limits
    .filter(({ type }) => type.test(acl.type) && type.source.includes("webAcl"))
    .map((limit) => broken(limit, copy, graph));
  expect(found).toEqual([["no spaces"], [9], [1_829], [3]]);
});

test("the longest stage name is whole in the name of every function, role, queue, bucket and table", async () => {
  const graph = await evaluate(longest);
  const names = resourcesOf(
    graph,
    /(lambda\/function|iam\/role|sqs\/queue|s3\/bucket(V2)?|dynamodb\/table):/,
  ).map(({ inputs }): string => inputs.bucket ?? inputs.name);
  const without = (stage: string) => names.filter((name) => !name.includes(stage));
  expect(names.length).toBeGreaterThan(10);
  expect(without(longest.stage)).toEqual([]);
  // One character more would be cut off.
  expect(without(`${longest.stage}c`)).toEqual(names);
});

test("a stage name that is longer is refused before anything is evaluated", async () => {
  const stage = `${longest.stage}x`;
  await expect(evaluate({ stage })).rejects.toThrow(
    `The stage name "${stage}" has 33 characters; at most 32`,
  );
});

test("no name of a resource that is global is the same for a stage in two regions", async () => {
  const [here, there] = [
    stages.find(([name]) => name === "longest"),
    ["", await evaluate({ ...longest, region: "eu-west-1" })] as const,
  ];
  const global = /(cloudfront\/|iam\/role|cloudwatch\/dashboard|budgets\/budget|s3\/bucket(V2)?:)/;
  const namesOf = (graph: Graph) =>
    graph.resources
      .filter(
        ({ type, region }) =>
          global.test(type) || (region === "us-east-1" && /metricAlarm:|sns\/topic:/.test(type)),
      )
      .flatMap(({ inputs: { name, bucket, dashboardName } }) =>
        [name, bucket, dashboardName].filter(Boolean),
      );
  const first = namesOf(here?.[1] as Graph);
  // A copy of the graph in the same region shares every name.
  expect(first.filter((name) => namesOf(structuredClone(here?.[1] as Graph)).includes(name))).toEqual(first);
  expect(first.filter((name) => namesOf(there[1]).includes(name))).toEqual([]);
  expect(first.length).toBeGreaterThan(10);
});
