import { expect, test } from "vitest";
import { evaluate, type Graph, type Resource, resourcesOf } from "./graph.ts";
import { all, graphOf } from "./graphs.ts";
import { type Limit, limits } from "./limits.ts";
import { longest } from "./stages.ts";

const stages: [name: string, graph: Graph][] = [...all, ["longest", await evaluate(longest)]];

/** The measures or texts of a resource that break a limit. */
function broken(limit: Limit, { inputs }: Resource, graph: Graph): (number | string)[] {
  if ("texts" in limit) return limit.texts(inputs, graph).filter((text) => !limit.pattern.test(text));
  const { least = 0, most } = limit;
  return limit.measure(inputs, graph).filter((measure) => !(measure >= least && measure <= most));
}

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

test("17 other stages fit into an account next to production", async () => {
  const [production, other] = await Promise.all([graphOf("production"), graphOf("development")]);
  for (const type of [/responseHeadersPolicy:/, /cloudfront\/cachePolicy:/]) {
    const count = (graph: Graph) => resourcesOf(graph, type).length;
    const stages = Math.floor((policiesPerAccount - count(production)) / count(other));
    expect([type.source, stages]).toEqual([type.source, expect.toSatisfy((n: number) => n >= 17)]);
  }
});

test("the longest stage name is whole in the name of every function, role, queue, bucket and table", async () => {
  const graph = await evaluate(longest);
  const names = resourcesOf(
    graph,
    /(lambda\/function|iam\/role|sqs\/queue|s3\/bucket(V2)?|dynamodb\/table):/,
  ).map(({ inputs }) => inputs.bucket ?? inputs.name);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !name.includes(longest.stage))).toEqual([]);
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
  expect(first.filter((name) => namesOf(there[1]).includes(name))).toEqual([]);
  expect(first.length).toBeGreaterThan(10);
});
