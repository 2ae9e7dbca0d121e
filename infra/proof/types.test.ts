import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./platform.ts";

test("sst.config.ts and infra/ are what SST's own types allow", () => {
  const check = () =>
    execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "infra")], {
      encoding: "utf8",
      stdio: "pipe",
    });
  expect(check()).toBe("");
});
