/** Limits of WAF: web ACLs. */
import { docs, given, type Inputs, type Limit } from "./limit.ts";

const webAcl = /wafv2\/webAcl:/;

/** Capacity of AWS's rule groups: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html */
const ruleGroupUnits: Record<string, number> = {
  AWSManagedRulesAmazonIpReputationList: 25,
  AWSManagedRulesCommonRuleSet: 700,
  AWSManagedRulesKnownBadInputsRuleSet: 200,
};
const rateRuleUnits = 2;

export const wafLimits: Limit[] = [
  {
    what: "name, also of a rule",
    type: webAcl,
    texts: ({ name, rules }) => [name, ...rules.map((rule: Inputs) => rule.name)],
    pattern: /^[\w-]{1,128}$/,
    source: `${docs}/waf/latest/APIReference/API_CreateWebACL.html`,
  },
  {
    what: "requests of a rate-based rule",
    type: webAcl,
    measure: ({ rules }) =>
      rules.flatMap(({ statement }: Inputs) => given(statement.rateBasedStatement?.limit)),
    least: 10,
    most: 2_000_000_000,
    source: `${docs}/waf/latest/APIReference/API_RateBasedStatement.html`,
  },
  {
    what: "capacity units, beyond which each request costs more",
    type: webAcl,
    measure: ({ rules }) => [
      rules.reduce((sum: number, { name }: Inputs) => sum + (ruleGroupUnits[name] ?? rateRuleUnits), 0),
    ],
    most: 1_500,
    source: `${docs}/waf/latest/developerguide/aws-waf-capacity-units.html`,
  },
  {
    what: "rules with the priority of another",
    type: webAcl,
    measure: ({ rules }) => [rules.length - new Set(rules.map(({ priority }: Inputs) => priority)).size],
    most: 0,
    source: `${docs}/waf/latest/APIReference/API_Rule.html`,
  },
];
