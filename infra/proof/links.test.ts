import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { envTypes } from "./env-types.ts";
import { resourcesOf } from "./graph.ts";
import { all, graphOf } from "./graphs.ts";

/** What each function is told. Names and addresses, never a right. */
const links: Record<string, string[]> = {
  Api: ["CursorKey", "DeadLetters", "Images", "Processing", "Router", "Settings", "Uploads"],
  Breaker: ["Allowance"],
  DeadLetter: ["Images", "Processed", "Settings", "Uploads"],
  Processor: ["Images", "Processed", "Settings", "Uploads"],
  Reconciler: ["Images", "Processed", "Processing", "Uploads"],
};

test("sst-env.d.ts is what SST writes for this app (`npm run types`)", async () => {
  const committed = readFileSync(new URL("../../sst-env.d.ts", import.meta.url), "utf8");
  expect(committed).toBe(envTypes(await graphOf("production")));
});

describe.each(all.filter(([name]) => name !== "sst dev"))("%s", (_name, graph) => {
  test.each(Object.entries(links))("%s is told of %j and nothing else", (fn, expected) => {
    const build = graph.builds.find(({ functionID }) => functionID === fn);
    expect(Object.keys(build?.links ?? {}).sort()).toEqual(expected);
  });

  test("the key that cursors are signed with is 32 random bytes that nobody types", () => {
    expect(
      resourcesOf(graph, /randomBytes:/).map(({ name, inputs }) => [name, inputs.length]),
    ).toContainEqual(["CursorKeyBytes", 32]);
    expect(Buffer.from(String(graph.links.CursorKey?.value), "base64")).toHaveLength(32);
  });

  test("uploads are addressed by the bucket's own host, which CORS and presigned requests need", () => {
    const { name, url } = graph.links.Uploads ?? {};
    expect(url).toBe(`https://${name}.s3.us-east-1.amazonaws.com`);
  });
});
