import { describe, expect, test } from "vitest";
import { Settings } from "../../packages/core/src/settings.ts";
import { resourcesOf, type Stage } from "./graph.ts";
import { all, hasFunction, regionOf } from "./graphs.ts";
import { stages } from "./stages.ts";

/** The links of each function. They carry names and URLs, never a right. */
const links: Record<string, string[]> = {
  Api: [
    "CursorKey",
    "DeadLetters",
    "Deliveries",
    "Images",
    "Imports",
    "MediaKey",
    "OriginSecret",
    "Processing",
    "Router",
    "Settings",
    "Uploads",
  ],
  Breaker: ["Allowance"],
  Importer: ["Deliveries", "Images", "Imports", "Processing", "Settings", "Uploads"],
  Invalidator: ["Distribution"],
  Missing: [],
  Renderer: ["Images", "OriginSecret", "Settings", "Uploads"],
  DeadLetter: ["Deliveries", "Images", "Processed", "Settings", "Uploads"],
  Processor: ["Deliveries", "Images", "Processed", "Settings", "Uploads"],
  Reconciler: ["Deliveries", "Images", "Processed", "Processing", "Uploads"],
  Sender: ["Deliveries", "Images", "Router", "Settings", "SlowDeliveries"],
};

describe.each(all.filter(([name]) => name !== "sst dev"))("%s", (stage, graph) => {
  const told = Object.entries(links).filter(([fn]) => hasFunction(stage, fn));
  const linksOf = (fn: string) => graph.builds.find(({ functionID }) => functionID === fn)?.links ?? {};

  test.each(told)("%s is linked to %j and nothing else", (fn, expected) => {
    expect(Object.keys(linksOf(fn)).sort()).toEqual(expected);
  });

  test.each(told)("the links of %s are those of this stage", (fn, expected) => {
    for (const name of expected) {
      const { type: _type, ...properties } = linksOf(fn)[name] ?? {};
      expect([name, properties]).toEqual([name, graph.links[name]]);
    }
    const named = (name: string) => graph.links[name]?.name ?? graph.links[name]?.url;
    expect(named("Uploads")).toMatch(/-uploadsbucket-/);
    expect(named("Processed")).toMatch(/-processedbucket-/);
    expect(named("Images")).toMatch(/-ImagesTable-/);
    expect(named("Processing")).toMatch(/-ProcessingQueue-/);
    expect(named("DeadLetters")).toMatch(/-DeadLettersQueue-/);
  });

  test("functions get the settings that the stage was given, and refuse anonymous callers unless those allow them", () => {
    const { env }: Stage = stages[stage as keyof typeof stages];
    const { processedPerDayMax } = Settings.readCloud(env ?? {});
    expect(graph.links.Settings).toEqual({
      ...Settings.readPipeline(env ?? {}),
      // No stage of these sets it: a quarter of the breaker's limit.
      processedPerOwnerMax: Math.ceil(processedPerDayMax / 4),
    });
    expect(graph.links.Settings?.anonymous).toBe(false);
  });

  test("the key that signs cursors is 32 generated random bytes", () => {
    expect(
      resourcesOf(graph, /randomBytes:/).map(({ name, inputs }) => [name, inputs.length]),
    ).toContainEqual(["CursorKeyBytes", 32]);
    expect(Buffer.from(String(graph.links.CursorKey?.value), "base64")).toHaveLength(32);
  });

  test("uploads are addressed by the bucket's own host, which CORS and presigned requests need", () => {
    const { name, url } = graph.links.Uploads ?? {};
    expect(url).toBe(`https://${name}.s3.${regionOf(stage)}.amazonaws.com`);
  });
});
