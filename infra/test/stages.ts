/** The stages that the tests evaluate. */
import type { Stage } from "./graph.ts";

export const stages = {
  development: { stage: "dev" },
  production: { stage: "production" },
  "sst dev": { stage: "dev", dev: true },
  /** With everything set that can be, and not in the region that CloudFront reports to. */
  configured: {
    stage: "production",
    region: "eu-central-1",
    env: {
      DOMAIN: "images.example.com",
      ALARM_EMAIL: "ops@example.com",
      CORS_ORIGINS: "https://app.example.com,https://admin.example.com",
      PROCESSOR_TIMEOUT_SECONDS: "120",
      PROCESSOR_MEMORY_MB: "3008",
      PROCESSOR_CONCURRENCY_MAX: "7",
      PROCESSOR_CONCURRENCY_RESERVED: "true",
      PROCESSED_PER_DAY_MAX: "1000",
      API_CONCURRENCY_RESERVED: "5",
      BUDGET_DOLLARS: "120",
    },
  },
  /** With alarms by e-mail, and without the limits that are on by default. */
  unlimited: {
    stage: "dev",
    env: { ALARM_EMAIL: "ops@example.com", PROCESSED_PER_DAY_MAX: "0", BUDGET_DOLLARS: "0" },
  },
  /** With lazy files in the recipe. */
  lazy: { stage: "dev", recipe: "lazy" },
} as const satisfies Record<string, Stage>;

/** The longest names that are accepted, with every optional resource, for AWS's limits. */
export const longest = {
  stage: "feature-0123456789-0123456789-ab",
  region: "ap-southeast-1",
  env: {
    ...stages.configured.env,
    DOMAIN: `${"images-".repeat(7)}a.example.com`,
    ALARM_EMAIL: `${"o".repeat(50)}@example.com`,
    CORS_ORIGINS: Array.from({ length: 20 }, (_, n) => `https://app-${n}.example.com`).join(),
    PROCESSOR_TIMEOUT_SECONDS: "900",
    PROCESSOR_MEMORY_MB: "10240",
    PROCESSOR_CONCURRENCY_MAX: "1000",
    FIREWALL_REQUESTS_MAX: "2000",
  },
} as const satisfies Stage;
