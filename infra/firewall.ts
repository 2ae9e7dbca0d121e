/** An optional AWS WAF in front of the distribution: a rate limit per IP address, and AWS's managed rules. */
import { cloud, globalName } from "./config.ts";
import { usEast1 } from "./us-east-1.ts";

const visibility = (metricName: string) => ({
  cloudwatchMetricsEnabled: true,
  sampledRequestsEnabled: true,
  metricName,
});

/** A managed rule group; the rules in `counted` only count, because requests that the API accepts match them. */
const managed = (name: string, priority: number, counted: string[] = []) => ({
  name,
  priority,
  overrideAction: { none: {} },
  visibilityConfig: visibility(name),
  statement: {
    managedRuleGroupStatement: {
      vendorName: "AWS",
      name,
      ruleActionOverrides: counted.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
    },
  },
});

/** The ARN of the web ACL; undefined where `FIREWALL_REQUESTS_MAX` is 0. */
export const firewall = cloud.firewallRequestsMax > 0 ? create().arn : undefined;

function create() {
  return new aws.wafv2.WebAcl(
    "Firewall",
    {
      name: globalName("Firewall"),
      scope: "CLOUDFRONT",
      defaultAction: { allow: {} },
      visibilityConfig: visibility("Firewall"),
      rules: [
        {
          name: "RequestsPerAddress",
          priority: 0,
          action: { block: {} },
          visibilityConfig: visibility("RequestsPerAddress"),
          statement: { rateBasedStatement: { limit: cloud.firewallRequestsMax, aggregateKeyType: "IP" } },
        },
        managed("AWSManagedRulesAmazonIpReputationList", 1),
        // Bodies of the API have up to 64 KB, and native apps may send no User-Agent.
        managed("AWSManagedRulesCommonRuleSet", 2, ["SizeRestrictions_BODY", "NoUserAgent_HEADER"]),
        managed("AWSManagedRulesKnownBadInputsRuleSet", 3),
      ],
    },
    { provider: usEast1() },
  );
}
