import { describe, expect, test } from "vitest";
import { argsOf, resourcesOf } from "./graph.ts";
import { all, hasBreaker, hasFunction, secondOriginOf } from "./graphs.ts";

/** Each function's memory in MB and its timeout in seconds. */
const sizes: Record<string, [memory: number, timeout: number]> = {
  Api: [1024, 30],
  Breaker: [256, 30],
  DeadLetter: [512, 30],
  Importer: [1024, 90],
  Invalidator: [256, 30],
  Missing: [128, 5],
  Processor: [2048, 60],
  Reconciler: [512, 900],
  Renderer: [2048, 30],
  Sender: [512, 30],
};

describe.each(all)("%s", (name, graph) => {
  const live = name === "sst dev";
  const kept = name === "production" || name === "configured";
  const names = Object.keys(sizes).filter((fn) => hasFunction(name, fn));
  /** The functions that are not stubs. */
  const deployed = names.filter((fn) => !live || fn === "Missing");
  const functions = resourcesOf(graph, /lambda\/function:/);

  test("there are exactly these functions", () => {
    expect(functions.map((fn) => fn.name)).toEqual(names.map((fn) => `${fn}Function`));
  });

  test.each(names)("%s has the memory and the time that it needs", (fn) => {
    const { memorySize, timeout } = argsOf(graph, /lambda\/function:/, `${fn}Function`);
    const set = name === "configured" && fn === "Processor";
    expect([memorySize, timeout]).toEqual(set ? [3008, 120] : sizes[fn]);
  });

  test.each(names)(
    "%s runs on Node 22 and Arm, and under `sst dev` as a stub, except for the 404 of files",
    (fn) => {
      const { runtime, architectures } = argsOf(graph, /lambda\/function:/, `${fn}Function`);
      expect([runtime, architectures]).toEqual(
        deployed.includes(fn) ? ["nodejs22.x", ["arm64"]] : ["provided.al2023", ["x86_64"]],
      );
    },
  );

  test.each(names)(
    "%s has reserved concurrency only where a setting asks for it, because new accounts have none to reserve",
    (fn) => {
      const { reservedConcurrentExecutions } = argsOf(graph, /lambda\/function:/, `${fn}Function`);
      const reserved: Record<string, number> = name === "configured" ? { Processor: 7, Api: 5 } : {};
      expect(reservedConcurrentExecutions).toBe(reserved[fn]);
    },
  );

  test.each(names)("%s logs JSON that is kept for a while, and not for ever", (fn) => {
    const { loggingConfig } = argsOf(graph, /lambda\/function:/, `${fn}Function`);
    expect(loggingConfig.logFormat).toBe("JSON");
    const { retentionInDays, name } = argsOf(graph, /logGroup:/, `${fn}LogGroup`);
    expect(loggingConfig.logGroup).toBe(name);
    expect(retentionInDays).toBe(kept ? 90 : 7);
  });

  test("sharp is installed for the functions that render, for Lambda's own platform", () => {
    const installed = graph.builds.map(({ functionID, properties: { install, architecture } }) => [
      functionID,
      // SST 4 makes a record of it, with a version for each.
      install && !Array.isArray(install) ? Object.keys(install) : install,
      architecture,
    ]);
    expect(installed.sort()).toEqual(
      deployed.map((fn) => [
        fn,
        ["Processor", "Renderer"].includes(fn) ? ["sharp", "libheif-js"] : undefined,
        "arm64",
      ]),
    );
  });

  test("each is built from its own file, minified, for the Node that it runs on", () => {
    const built = graph.builds.map(({ functionID, handler, runtime, properties: { minify } }) => [
      functionID,
      handler,
      runtime,
      minify,
    ]);
    const file = (fn: string) =>
      fn === "Breaker" ? "spend-limit" : fn.replace(/\B[A-Z]/, (letter) => `-${letter}`).toLowerCase();
    expect(built.sort()).toEqual(
      deployed.map((fn) => [fn, `packages/functions/src/${file(fn)}.handler`, "nodejs22.x", true]),
    );
  });

  test("each archive holds its bundle once, and the API's the documentation and the script of /docs", () => {
    const api = ["bundle.mjs", "documents.json", "openapi.json", "scalar.js"];
    const expected = deployed.map((fn) => [fn, fn === "Api" ? api : ["bundle.mjs"]]);
    const files = Object.entries(graph.archives).map(([fn, entries]) => [
      fn,
      entries.filter((entry) => entry !== "./"),
    ]);
    expect(files.sort()).toEqual(expected);
  });

  test("the API answers at one address, and decides CORS itself", () => {
    const urls = resourcesOf(graph, /lambda\/functionUrl:/);
    expect(urls.map((url) => url.name)).toEqual(["ApiUrl", `${secondOriginOf(name)}Url`]);
    expect(urls[0]?.inputs.cors).toBeUndefined();
    expect(urls[0]?.inputs.invokeMode).toBe("BUFFERED");
  });

  test("jobs run on time", () => {
    const schedules = resourcesOf(graph, /eventRule:/).map(({ name, inputs }) => [
      name,
      inputs.scheduleExpression,
      inputs.state,
    ]);
    expect(schedules).toEqual([
      ...(hasBreaker(name) ? [["AllowRule", "rate(5 minutes)", "ENABLED"]] : []),
      ["CompareRule", "cron(20 2 * * ? *)", "ENABLED"],
      ["DeliverRule", "rate(5 minutes)", "ENABLED"],
      ["StuckRule", "rate(15 minutes)", "ENABLED"],
      ["SweepRule", "cron(20 4 * * ? *)", "ENABLED"],
    ]);
    const targets = resourcesOf(graph, /eventTarget:/).map(({ inputs }) => [
      inputs.rule.replace(/^.*-(\w+Rule)-.*$/, "$1"),
      inputs.arn.replace(/^.*-(\w+)Function-.*$/, "$1"),
      JSON.parse(inputs.input),
    ]);
    expect(targets).toEqual([
      ...(hasBreaker(name) ? [["AllowRule", "Breaker", {}]] : []),
      ["CompareRule", "Reconciler", { job: "compare" }],
      ["DeliverRule", "Reconciler", { job: "deliver" }],
      ["StuckRule", "Reconciler", { job: "stuck" }],
      ["SweepRule", "Reconciler", { job: "sweep" }],
    ]);
  });
});
