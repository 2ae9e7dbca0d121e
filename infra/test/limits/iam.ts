/** Limits of IAM: roles and their policies. */
import { docs, type Inputs, type Limit } from "./limit.ts";

const iam = `${docs}/IAM/latest/UserGuide/reference_iam-quotas.html`;

const role = /iam\/role:/;

/** IAM does not count white space. */
const policyLength = (policy: string | object) =>
  (typeof policy === "string" ? policy : JSON.stringify(policy)).replace(/\s/g, "").length;

export const iamLimits: Limit[] = [
  { what: "name", type: role, texts: ({ name }) => [name], pattern: /^[\w+=,.@-]{1,64}$/, source: iam },
  {
    what: "characters of all inline policies",
    type: role,
    measure: ({ inlinePolicies = [] }) => [
      inlinePolicies.reduce((sum: number, { policy }: Inputs) => sum + policyLength(policy), 0),
    ],
    most: 10_240,
    source: iam,
  },
  {
    what: "statements of an inline policy",
    type: role,
    measure: ({ inlinePolicies = [] }) =>
      inlinePolicies.map(({ policy }: Inputs) => JSON.parse(policy).Statement.length),
    least: 1,
    most: 10_240,
    source: `${docs}/IAM/latest/UserGuide/reference_policies_grammar.html`,
  },
  {
    what: "characters of the trust policy",
    type: role,
    measure: ({ assumeRolePolicy }) => [policyLength(assumeRolePolicy)],
    most: 2_048,
    source: iam,
  },
  {
    what: "managed policies",
    type: role,
    measure: ({ managedPolicyArns = [] }) => [managedPolicyArns.length],
    most: 10,
    source: iam,
  },
];
