/** The arguments that all functions share. Each adds its handler, links and exact permissions. */
import { production } from "./config.ts";

/** Powertools logs JSON lines, so Lambda's own log format is JSON too, and one query covers both. */
export const common = {
  runtime: "nodejs22.x",
  architecture: "arm64",
  logging: { format: "json", retention: production ? "3 months" : "1 week" },
  nodejs: { minify: true },
  transform: {
    // SST's trust policy lets every principal of the account assume the role, which only `sst dev` needs.
    role: (args: Pick<aws.iam.RoleArgs, "assumeRolePolicy" | "inlinePolicies">) => {
      // IAM refuses a policy without a statement, which SST makes for a function without links and permissions.
      args.inlinePolicies = $output(args.inlinePolicies ?? []).apply((policies) =>
        policies.filter(({ policy }) => JSON.parse(policy ?? "{}").Statement?.length > 0),
      );
      if (!$dev) {
        args.assumeRolePolicy = aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" });
      }
      return undefined;
    },
  },
} as const;
