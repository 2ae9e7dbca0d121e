/** The keys of private images, and their rotations: deployments with `MEDIA_KEY_ROTATION` raised by one. */
import { createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { argsOf, evaluate, type Graph, resourcesOf } from "./graph.ts";
import { all } from "./graphs.ts";

const rotations = ["1", "2", "3"];
const graphs = await Promise.all(
  rotations.map((rotation) => evaluate({ stage: "dev", env: { MEDIA_KEY_ROTATION: rotation } })),
);

const trustedBy = (graph: Graph): string[] => argsOf(graph, /keyGroup:/, "MediaKeys").items;
const signedBy = (graph: Graph): string => String(graph.links.MediaKey?.id);

test("CloudFront trusts the key of the deployment and the one before, and a new stage has one", () => {
  const trusts = graphs.map((verifier) =>
    graphs.map((signer) => trustedBy(verifier).includes(signedBy(signer))),
  );
  expect(trusts).toEqual([
    [true, false, false],
    [true, true, false],
    [false, true, true],
  ]);
  expect(graphs.map((graph) => trustedBy(graph).length)).toEqual([1, 2, 2]);
});

test("the API gets the private key of the public key that it names", () => {
  for (const graph of graphs) {
    const { id, privateKey } = graph.links.MediaKey ?? {};
    const { encodedKey } = argsOf(graph, /publicKey:/, String(id).replace(/-id$/, ""));
    expect(createPublicKey(String(privateKey)).export({ type: "spki", format: "pem" })).toBe(encodedKey);
  }
});

test("the command that generates a key prints RSA of 2,048 bits, and no log shows it", async () => {
  const { execSync } = await import("node:child_process");
  for (const graph of graphs)
    for (const { inputs } of resourcesOf(graph, /^command:local:Command$/)) {
      if (!String(inputs.create).includes("generateKeyPairSync")) continue;
      expect(inputs.logging).toBe("none");
      const printed = execSync(inputs.create, { encoding: "utf8" });
      expect(createPublicKey(printed).asymmetricKeyDetails?.modulusLength).toBe(2_048);
    }
});

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-key-groups */
const limits = { keysOfGroup: 5, groupsOfBehavior: 4, groupsOfAccount: 10 };

test("a stage has one of the ten key groups of an account, with two keys of five at the most", () => {
  for (const [, graph] of all) expect(resourcesOf(graph, /keyGroup:/)).toHaveLength(1);
  for (const graph of graphs) expect(trustedBy(graph).length).toBeLessThanOrEqual(limits.keysOfGroup);
  const { orderedCacheBehaviors } = argsOf(
    graphs[0] as Graph,
    /cloudfront\/distribution:/,
    "RouterCdnDistribution",
  );
  const groups = orderedCacheBehaviors.flatMap(
    ({ trustedKeyGroups = [] }: { trustedKeyGroups?: string[] }) => trustedKeyGroups,
  );
  expect(groups.length).toBeLessThanOrEqual(limits.groupsOfBehavior);
  expect(limits.groupsOfAccount).toBe(10);
});
