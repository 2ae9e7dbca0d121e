import { defineConfig } from "vitest/config";
import { createMediaKey } from "./packages/core/src/fixture-media-key.ts";
import { Settings } from "./packages/core/src/settings.ts";
import { skips } from "./packages/e2e/src/skips.ts";

// The AWS settings of the developer's shell must not reach a test: `env` below sets those that tests need.
for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];

/** The resources that SST links to the functions. A test that starts a local cloud sets its URLs before it imports them. */
const resources = {
  App: { name: "image-pipeline", stage: "test" },
  CursorKey: { value: "a key for tests alone" },
  Deliveries: { url: "http://127.0.0.1:9/deliveries" },
  SlowDeliveries: { url: "http://127.0.0.1:9/slow-deliveries" },
  DeadLetters: { url: "http://127.0.0.1:9/dead-letters" },
  Images: { name: "images" },
  MediaKey: createMediaKey(),
  OriginSecret: { previous: "1", current: "2", next: "3" },
  Processed: { name: "processed" },
  Processing: { url: "http://127.0.0.1:9/processing" },
  Router: { url: "http://127.0.0.1:9" },
  Settings: { ...Settings.pipelineDefaults, anonymous: true },
  Uploads: { name: "uploads", url: "http://127.0.0.1:9/uploads" },
};

/** Long tests: files that only these runs have, and tests that do more in them. */
const proofs = [
  "packages/*/src/**/*.prove.ts",
  "packages/e2e/src/api/conformance.test.ts",
  "packages/e2e/src/client/uploads.test.ts",
  "packages/e2e/src/web/scroll.test.ts",
];

export default defineConfig({
  test: {
    reporters: ["default", skips()],
    projects: [
      {
        extends: true,
        test: { name: "packages", include: ["packages/*/src/**/*.test.ts", "bench/**/*.test.ts"] },
      },
      {
        extends: true,
        // Long proofs, which `npm run prove` runs and `npm test` does not.
        test: { name: "proofs", include: process.env.PROVE ? proofs : [] },
      },
      {
        extends: true,
        // Evaluates the whole deployment, with SST's own code.
        test: {
          name: "infra",
          include: ["infra/**/*.test.ts"],
          globalSetup: ["infra/test/setup.ts"],
        },
      },
    ],
    env: {
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local-secret",
      POWERTOOLS_LOG_LEVEL: "SILENT",
      ...Object.fromEntries(
        Object.entries(resources).map(([name, value]) => [`SST_RESOURCE_${name}`, JSON.stringify(value)]),
      ),
    },
    // `node:sqlite` is experimental in Node 22.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // More than the cores of a small machine: a third of the time tests wait for servers, browsers and timers.
    maxWorkers: 3,
  },
});
