/** Rotations of the router's secret: deployments with `ORIGIN_SECRET_ROTATION` raised by one. */
import { expect, test } from "vitest";
import { isFromRouter, type Secrets } from "../../packages/functions/src/origin.ts";
import { type EdgeRequest, pass } from "./edge.ts";
import { evaluate, type Graph, resourcesOf } from "./graph.ts";

const rotations = ["1", "2", "3", "4"];
const graphs = await Promise.all(
  rotations.map((rotation) => evaluate({ stage: "dev", env: { ORIGIN_SECRET_ROTATION: rotation } })),
);

/** Sends a request through the router of one deployment to the API of another. */
async function isAccepted(router: Graph, api: Graph): Promise<boolean> {
  const { result } = await pass(router, "/images");
  const { value } = (result as EdgeRequest).headers["x-origin-secret"] ?? {};
  return isFromRouter({ headers: { "x-origin-secret": value } }, api.links.OriginSecret as Secrets);
}

test("the API accepts the router of the same deployment, of the one before and of the one after", async () => {
  const accepted = await Promise.all(
    graphs.map((router) => Promise.all(graphs.map((api) => isAccepted(router, api)))),
  );
  expect(accepted).toEqual([
    [true, true, false, false],
    [true, true, true, false],
    [false, true, true, true],
    [false, false, true, true],
  ]);
});

test("a rotation keeps two of the three secrets, creates one and deletes one", () => {
  const names = graphs.map((graph) =>
    resourcesOf(graph, /random:.*RandomBytes/)
      .map(({ name }) => name)
      .filter((name) => name.startsWith("OriginSecret")),
  );
  expect(names).toEqual([0, 1, 2, 3].map((first) => [0, 1, 2].map((step) => `OriginSecret${first + step}`)));
});

test("each secret has 32 random bytes, which the setting does not contain", () => {
  for (const graph of graphs)
    for (const { inputs } of resourcesOf(graph, /RandomBytes/)) expect(inputs.length).toBe(32);
});
