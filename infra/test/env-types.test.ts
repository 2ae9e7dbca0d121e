import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { envTypes } from "./env-types.ts";
import { graphOf } from "./graphs.ts";

test("sst-env.d.ts is what SST writes for this app (`npm run types`)", async () => {
  const committed = readFileSync(new URL("../../sst-env.d.ts", import.meta.url), "utf8");
  expect(committed).toBe(envTypes(await graphOf("production")));
});
