/**
 * AWS's hard limits on what the app deploys, each with its source. A limit measures every resource of its type.
 *
 * Quotas that AWS raises on request are here with their defaults, because a new account has those.
 */
import { storeOf } from "./edge.ts";
import { type Graph, type Resource, resourcesOf } from "./graph.ts";

/** A resource's arguments, as Pulumi has them. */
type Inputs = Resource["inputs"];

/** A limit of a resource type: its measures are between `least` and `most`, or its texts match `pattern`. */
export type Limit = {
  what: string;
  type: RegExp;
  source: string;
} & (
  | { measure: (inputs: Inputs, graph: Graph) => number[]; least?: number; most: number }
  | { texts: (inputs: Inputs, graph: Graph) => string[]; pattern: RegExp }
);

const docs = "https://docs.aws.amazon.com";
const cloudfront = `${docs}/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html`;
const lambda = `${docs}/lambda/latest/dg/gettingstarted-limits.html`;
const mapping = `${docs}/lambda/latest/api/API_CreateEventSourceMapping.html`;
const iam = `${docs}/IAM/latest/UserGuide/reference_iam-quotas.html`;
const sqs = `${docs}/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html`;
const dynamodb = `${docs}/amazondynamodb/latest/developerguide/ServiceQuotas.html`;
const alarms = `${docs}/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html`;
const dashboards = `${docs}/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html`;
const rules = `${docs}/eventbridge/latest/APIReference/API_PutRule.html`;
const targets = `${docs}/eventbridge/latest/APIReference/API_PutTargets.html`;
const buckets = `${docs}/AmazonS3/latest/userguide/bucketnamingrules.html`;
const s3 = `${docs}/general/latest/gr/s3.html`;
const tagging = `${docs}/tag-editor/latest/userguide/best-practices-and-strats.html`;

const given = <T>(value: T | undefined | null): T[] => (value === undefined || value === null ? [] : [value]);
const bytes = (text: string | undefined) => given(text).map((each) => Buffer.byteLength(each));
const behaviors = ({ defaultCacheBehavior, orderedCacheBehaviors = [] }: Inputs): Inputs[] => [
  defaultCacheBehavior,
  ...orderedCacheBehaviors,
];
/** IAM does not count white space. */
const policyLength = (policy: string | object) =>
  (typeof policy === "string" ? policy : JSON.stringify(policy)).replace(/\s/g, "").length;
const metricsOf = ({ metricQueries }: Inputs) => (metricQueries ?? []).filter(({ metric }: Inputs) => metric);
const widgetsOf = ({ dashboardBody }: Inputs): Inputs[] => JSON.parse(dashboardBody).widgets;

const distribution = /cloudfront\/distribution:/;
const edgeFunction = /cloudfront\/function:/;
const store = /cloudfront\/keyValueStore:/;
const headersPolicy = /responseHeadersPolicy:/;
const cachePolicy = /cloudfront\/cachePolicy:/;
const fn = /lambda\/function:/;
const role = /iam\/role:/;
const queue = /sqs\/queue:/;
const table = /dynamodb\/table:/;
const alarm = /metricAlarm:/;
const dashboard = /cloudwatch\/dashboard:/;
const bucket = /s3\/bucket(V2)?:/;

const webAcl = /wafv2\/webAcl:/;

/** Capacity of AWS's rule groups: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html */
const ruleGroupUnits: Record<string, number> = {
  AWSManagedRulesAmazonIpReputationList: 25,
  AWSManagedRulesCommonRuleSet: 700,
  AWSManagedRulesKnownBadInputsRuleSet: 200,
};
const rateRuleUnits = 2;

export const limits: Limit[] = [
  // CloudFront
  {
    what: "bytes of code",
    type: edgeFunction,
    measure: ({ code }) => bytes(code),
    most: 10_240,
    source: `${cloudfront}#limits-functions`,
  },
  {
    what: "name",
    type: edgeFunction,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/cloudfront/latest/APIReference/API_CreateFunction.html`,
  },
  {
    what: "key-value stores of a function",
    type: edgeFunction,
    measure: ({ keyValueStoreAssociations = [] }) => [keyValueStoreAssociations.length],
    most: 1,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "name",
    type: store,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/cloudfront/latest/APIReference/API_CreateKeyValueStore.html`,
  },
  {
    what: "bytes of a key",
    type: store,
    measure: (_, graph) => [...storeOf(graph).keys()].flatMap(bytes),
    least: 1,
    most: 512,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "bytes of a value",
    type: store,
    measure: (_, graph) => [...storeOf(graph).values()].flatMap(bytes),
    most: 1_024,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "bytes of all keys and values",
    type: store,
    measure: (_, graph) => bytes([...storeOf(graph)].flat().join("")),
    most: 5 * 2 ** 20,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "keys written at once",
    type: /dynamic:Resource/,
    measure: ({ store, entries }) => (store && entries ? [Object.keys(entries).length] : []),
    most: 50,
    source: `${docs}/cloudfront-keyvaluestore/latest/APIReference/API_UpdateKeys.html`,
  },
  {
    what: "behaviours",
    type: distribution,
    measure: (inputs) => [behaviors(inputs).length],
    most: 25,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "origins",
    type: distribution,
    measure: ({ origins }) => [origins.length],
    least: 1,
    most: 25,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "alternate domain names",
    type: distribution,
    measure: ({ aliases = [] }) => [aliases.length],
    most: 100,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "characters of the comment",
    type: distribution,
    measure: ({ comment = "" }) => [comment.length],
    most: 128,
    source: `${docs}/cloudfront/latest/APIReference/API_DistributionConfig.html`,
  },
  {
    what: "seconds that an origin may take",
    type: distribution,
    measure: ({ origins }) =>
      origins.flatMap(({ customOriginConfig }: Inputs) => given(customOriginConfig?.originReadTimeout)),
    least: 1,
    most: 60,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "functions of a behaviour",
    type: distribution,
    measure: (inputs) =>
      behaviors(inputs).map(({ functionAssociations = [] }) => functionAssociations.length),
    most: 2,
    source: `${docs}/AmazonCloudFront/latest/DeveloperGuide/edge-functions-restrictions.html`,
  },
  {
    what: "path pattern",
    type: distribution,
    texts: (inputs) => behaviors(inputs).flatMap(({ pathPattern }) => given(pathPattern)),
    pattern: /^[\w.*$/~"'@:+&?;-]{1,255}$/,
    source: `${docs}/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html`,
  },
  {
    what: "custom headers",
    type: headersPolicy,
    measure: ({ customHeadersConfig }) => [customHeadersConfig?.items?.length ?? 0],
    most: 10,
    source: `${cloudfront}#limits-policies`,
  },
  {
    what: "characters of the content security policy",
    type: headersPolicy,
    measure: ({ securityHeadersConfig }) =>
      given(securityHeadersConfig?.contentSecurityPolicy?.contentSecurityPolicy).map(
        (text) => String(text).length,
      ),
    least: 1,
    most: 1_783,
    source: `${cloudfront}#limits-policies`,
  },
  {
    what: "headers in a cache key",
    type: cachePolicy,
    measure: ({ parametersInCacheKeyAndForwardedToOrigin: { headersConfig } }) => [
      headersConfig.headers?.items?.length ?? 0,
    ],
    most: 10,
    source: `${cloudfront}#limits-policies`,
  },

  // Lambda
  {
    what: "name",
    type: fn,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/lambda/latest/api/API_CreateFunction.html`,
  },
  {
    what: "bytes of the environment",
    type: fn,
    measure: ({ environment }) => bytes(JSON.stringify(environment?.variables ?? {})),
    most: 4_096,
    source: lambda,
  },
  {
    what: "memory, MB",
    type: fn,
    measure: ({ memorySize }) => [memorySize],
    least: 128,
    most: 10_240,
    source: lambda,
  },
  {
    what: "timeout, seconds",
    type: fn,
    measure: ({ timeout }) => [timeout],
    least: 1,
    most: 900,
    source: lambda,
  },
  { what: "layers", type: fn, measure: ({ layers = [] }) => [layers.length], most: 5, source: lambda },
  {
    what: "characters of the description",
    type: fn,
    measure: ({ description = "" }) => [description.length],
    most: 256,
    source: `${docs}/lambda/latest/api/API_CreateFunction.html`,
  },
  {
    what: "messages a batch without a batching window",
    type: /eventSourceMapping:Event/,
    measure: ({ batchSize, maximumBatchingWindowInSeconds: window }) => (window ? [] : given(batchSize)),
    least: 1,
    most: 10,
    source: mapping,
  },
  {
    what: "batching window, seconds",
    type: /eventSourceMapping:Event/,
    measure: ({ maximumBatchingWindowInSeconds: window }) => given(window),
    most: 300,
    source: mapping,
  },
  {
    what: "messages a batch with a batching window",
    type: /eventSourceMapping:Event/,
    measure: ({ batchSize }) => given(batchSize),
    least: 1,
    most: 10_000,
    source: mapping,
  },
  {
    what: "maximum concurrency",
    type: /eventSourceMapping:Event/,
    measure: ({ scalingConfig }) => given(scalingConfig?.maximumConcurrency),
    least: 2,
    most: 1_000,
    source: mapping,
  },
  {
    what: "seconds by which the function's timeout exceeds the queue's visibility timeout",
    type: /eventSourceMapping:Event/,
    measure: (inputs, graph) => [excess(inputs, graph)],
    least: -43_200,
    most: 0,
    source: `${docs}/lambda/latest/dg/services-sqs-configure.html`,
  },

  // IAM
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

  // SQS
  {
    what: "name",
    type: queue,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,80}$/,
    source: `${docs}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html`,
  },
  {
    what: "visibility timeout, seconds",
    type: queue,
    measure: ({ visibilityTimeoutSeconds }) => [visibilityTimeoutSeconds],
    most: 43_200,
    source: sqs,
  },
  {
    what: "retention, seconds",
    type: queue,
    measure: ({ messageRetentionSeconds }) => given(messageRetentionSeconds),
    least: 60,
    most: 1_209_600,
    source: sqs,
  },
  {
    what: "receives before the dead-letter queue",
    type: queue,
    measure: ({ redrivePolicy }) => given(redrivePolicy).map((policy) => JSON.parse(policy).maxReceiveCount),
    least: 1,
    most: 1_000,
    source: sqs,
  },
  {
    what: "queues in a redrive allow policy",
    type: /redriveAllowPolicy:/,
    measure: ({ redriveAllowPolicy }) => [JSON.parse(redriveAllowPolicy).sourceQueueArns.length],
    least: 1,
    most: 10,
    source: sqs,
  },

  // DynamoDB
  { what: "name", type: table, texts: ({ name }) => [name], pattern: /^[\w.-]{3,255}$/, source: dynamodb },
  {
    what: "global secondary indexes",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) => [globalSecondaryIndexes.length],
    most: 20,
    source: dynamodb,
  },
  {
    what: "projected attributes of all indexes",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) => [
      globalSecondaryIndexes.flatMap(({ nonKeyAttributes = [] }: Inputs) => nonKeyAttributes).length,
    ],
    most: 100,
    source: dynamodb,
  },
  {
    what: "projected attributes of one index",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) =>
      globalSecondaryIndexes.map(({ nonKeyAttributes = [] }: Inputs) => nonKeyAttributes.length),
    most: 20,
    source: `${docs}/amazondynamodb/latest/APIReference/API_Projection.html`,
  },
  {
    what: "attributes that are declared and no key, or a key and not declared",
    type: table,
    measure: (inputs) => [undeclared(inputs)],
    most: 0,
    source: `${docs}/amazondynamodb/latest/APIReference/API_CreateTable.html`,
  },

  // S3
  {
    what: "name",
    type: bucket,
    texts: ({ bucket }) => [bucket],
    pattern: /^(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    source: buckets,
  },
  {
    what: "CORS rules",
    type: /bucketCorsConfiguration/,
    measure: ({ corsRules }) => [corsRules.length],
    least: 1,
    most: 100,
    source: `${docs}/AmazonS3/latest/API/API_PutBucketCors.html`,
  },
  {
    what: "lifecycle rules",
    type: /bucketLifecycleConfiguration/,
    measure: ({ rules }) => [rules.length],
    least: 1,
    most: 1_000,
    source: s3,
  },
  {
    what: "bytes of the policy",
    type: /bucketPolicy:/,
    measure: ({ policy }) => bytes(policy),
    most: 20_480,
    source: `${docs}/AmazonS3/latest/userguide/example-bucket-policies.html`,
  },

  // EventBridge
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

  // CloudWatch
  { what: "name", type: alarm, texts: ({ name }) => [name], pattern: /^[\x20-\x7e]{1,255}$/, source: alarms },
  {
    what: "characters of the description",
    type: alarm,
    measure: ({ alarmDescription }) => [alarmDescription.length],
    most: 1_024,
    source: alarms,
  },
  {
    what: "metrics",
    type: alarm,
    measure: (inputs) => [metricsOf(inputs).length],
    most: 10,
    source: `${docs}/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html`,
  },
  {
    what: "actions",
    type: alarm,
    measure: ({ alarmActions = [] }) => [alarmActions.length],
    most: 5,
    source: alarms,
  },
  {
    what: "seconds that an alarm looks back",
    type: alarm,
    measure: (inputs) =>
      [inputs, ...metricsOf(inputs).map(({ metric }: Inputs) => metric)]
        .flatMap(({ period }) => given(period))
        .map((period) => period * inputs.evaluationPeriods),
    least: 10,
    most: 86_400,
    source: alarms,
  },
  {
    what: "seconds of a period, beyond whole minutes",
    type: alarm,
    measure: (inputs) =>
      [inputs, ...metricsOf(inputs).map(({ metric }: Inputs) => metric)]
        .flatMap(({ period }) => given(period))
        .map((period) => period % 60),
    most: 0,
    source: alarms,
  },
  {
    what: "name",
    type: dashboard,
    texts: ({ dashboardName }) => [dashboardName],
    pattern: /^[\w-]{1,255}$/,
    source: `${docs}/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html`,
  },
  {
    what: "widgets",
    type: dashboard,
    measure: (inputs) => [widgetsOf(inputs).length],
    least: 1,
    most: 500,
    source: dashboards,
  },
  {
    what: "metrics of a widget",
    type: dashboard,
    measure: (inputs) => widgetsOf(inputs).map(({ properties }) => properties.metrics.length),
    least: 1,
    most: 500,
    source: dashboards,
  },
  {
    what: "metrics of all widgets",
    type: dashboard,
    measure: (inputs) => [widgetsOf(inputs).flatMap(({ properties }) => properties.metrics).length],
    most: 2_500,
    source: dashboards,
  },
  {
    what: "name",
    type: /logGroup:/,
    texts: ({ name }) => [name],
    pattern: /^[\w./#-]{1,512}$/,
    source: `${docs}/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html`,
  },
  {
    what: "retention",
    type: /logGroup:/,
    texts: ({ retentionInDays }) => [String(retentionInDays)],
    pattern: /^(1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653)$/,
    source: `${docs}/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html`,
  },

  // WAF
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

  // The rest
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

/** SST tags every resource with the app and the stage. */
const stageTags = 2;

/** Lambda refuses to poll a queue whose messages would be visible again before the function times out. */
function excess({ eventSourceArn, functionName }: Inputs, graph: Graph): number {
  const queueName = eventSourceArn.split(":").at(-1);
  const consumer = resourcesOf(graph, fn).find(({ inputs }) => functionName.endsWith(inputs.name));
  const source = resourcesOf(graph, queue).find(({ inputs }) => inputs.name === queueName);
  return consumer?.inputs.timeout - source?.inputs.visibilityTimeoutSeconds;
}

/** Counts attribute definitions without a key, and keys without a definition; DynamoDB refuses both. */
function undeclared({ attributes, hashKey, rangeKey, globalSecondaryIndexes = [] }: Inputs): number {
  const keys = [{ hashKey, rangeKey }, ...globalSecondaryIndexes].flatMap((index) => [
    index.hashKey,
    ...given(index.rangeKey),
  ]);
  const declared = attributes.map(({ name }: Inputs) => name);
  return new Set([...keys, ...declared]).size * 2 - new Set(keys).size - new Set(declared).size;
}
