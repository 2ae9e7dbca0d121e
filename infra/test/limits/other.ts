/** Limits of EventBridge, SNS, Budgets, Certificate Manager, and the tags of every resource. */
import { docs, type Limit } from "./limit.ts";

const rules = `${docs}/eventbridge/latest/APIReference/API_PutRule.html`;
const targets = `${docs}/eventbridge/latest/APIReference/API_PutTargets.html`;
const tagging = `${docs}/tag-editor/latest/userguide/best-practices-and-strats.html`;

/** SST tags every resource with the app and the stage. */
const stageTags = 2;

export const otherLimits: Limit[] = [
  { what: "name", type: /eventRule:/, texts: ({ name }) => [name], pattern: /^[\w.-]{1,64}$/, source: rules },
  {
    what: "characters of the schedule",
    type: /eventRule:/,
    measure: ({ scheduleExpression }) => [scheduleExpression.length],
    least: 1,
    most: 256,
    source: rules,
  },
  {
    what: "characters of the input",
    type: /eventTarget:/,
    measure: ({ input }) => [input.length],
    most: 8_192,
    source: targets,
  },
  {
    what: "name",
    type: /sns\/topic:/,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,256}$/,
    source: `${docs}/sns/latest/api/API_CreateTopic.html`,
  },
  {
    what: "name",
    type: /budgets\/budget:/,
    texts: ({ name }) => [name],
    pattern: /^[^:\\]{1,100}$/,
    source: `${docs}/aws-cost-management/latest/APIReference/API_budgets_Budget.html`,
  },
  {
    what: "notifications",
    type: /budgets\/budget:/,
    measure: ({ notifications }) => [notifications.length],
    most: 5,
    source: `${docs}/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html`,
  },
  {
    what: "characters of the first domain name",
    type: /acm\/certificate:/,
    measure: ({ domainName }) => [domainName.length],
    least: 1,
    most: 64,
    source: `${docs}/acm/latest/userguide/acm-limits.html`,
  },
  {
    what: "tags",
    type: /^aws:/,
    measure: ({ tags = {} }) => [Object.keys(tags).length + stageTags],
    most: 50,
    source: tagging,
  },
  {
    what: "tag",
    type: /^aws:/,
    texts: ({ tags = {} }) => Object.entries(tags).map(([key, value]) => `${key}\n${value}`),
    pattern: /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}\n[\p{L}\p{Z}\p{N}_.:/=+@-]{0,256}$/u,
    source: tagging,
  },
];
