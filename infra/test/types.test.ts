import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./platform.ts";

test("sst.config.ts and infra/ are what SST's own types allow", () => {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const check = () =>
    execFileSync(process.execPath, [tsc, "-p", join(root, "infra")], { encoding: "utf8", stdio: "pipe" });
  expect(check()).toBe("");
  // SST's types alone take a quiet machine 15 s.
}, 600_000);
