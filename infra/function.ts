/** What all functions have in common. Each adds its handler, its links and its exact rights. */
import { production } from "./stage.ts";

/** Powertools writes JSON lines, so Lambda is told to as well, and the two can be searched together. */
export const common = {
  runtime: "nodejs22.x",
  architecture: "arm64",
  logging: { format: "json", retention: production ? "3 months" : "1 week" },
  nodejs: { minify: true },
  transform: {
    // SST lets every principal of the account take the role on, which only `sst dev` needs.
    role: (args: { assumeRolePolicy: $util.Input<string | object> }) => {
      if (!$dev) {
        args.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
      }
      return undefined;
    },
  },
} as const;
