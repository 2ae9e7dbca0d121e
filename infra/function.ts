/** What all functions have in common. Each adds its handler, its links and its exact rights. */
import { production } from "./stage.ts";

/** Powertools writes JSON lines, so Lambda is told to as well, and the two can be searched together. */
export const common = {
  runtime: "nodejs22.x",
  architecture: "arm64",
  logging: { format: "json", retention: production ? "3 months" : "1 week" },
  nodejs: { minify: true },
} as const;
