import { describe, expect, test } from "vitest";
import { resourcesOf } from "./graph.ts";
import { all } from "./graphs.ts";

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-functions */
const functionBytesMax = 10_240;

describe.each(all)("%s", (name, graph) => {
  test("CloudFront accepts the size of every edge function", () => {
    const functions = resourcesOf(graph, /cloudfront\/function:/);
    expect(functions).not.toEqual([]);
    for (const { name: functionName, inputs } of functions) {
      const bytes = Buffer.byteLength(inputs.code);
      console.log(`${name}: ${functionName} has ${bytes} bytes, ${functionBytesMax - bytes} below the limit`);
      expect(bytes).toBeLessThanOrEqual(functionBytesMax);
    }
  });
});
