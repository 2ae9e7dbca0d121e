/** The stages that every promise is held to. */
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
      PROCESSED_PER_DAY_MAX: "1000",
      BUDGET_DOLLARS: "120",
    },
  },
  /** Somebody is told, and what has a limit by default has none. */
  unlimited: {
    stage: "dev",
    env: { ALARM_EMAIL: "ops@example.com", PROCESSED_PER_DAY_MAX: "0", BUDGET_DOLLARS: "0" },
  },
} as const satisfies Record<string, Stage>;
