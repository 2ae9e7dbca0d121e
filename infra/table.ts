/** The DynamoDB table. Its keys and indexes are imported from core, where the entities use them too. */
import { indexes, primary, ttl } from "../packages/core/src/table/table-schema.ts";
import { production } from "./config.ts";
import { deliveries } from "./queues.ts";

// Links carry names and no rights: SST's own would grant `dynamodb:*`.
sst.Linkable.wrap(sst.aws.Dynamo, (table) => ({ properties: { name: table.name } }));

const keys = [primary, ...Object.values(indexes)].flatMap(({ pk, sk }) => [pk, sk]);

/** On-demand capacity and point-in-time recovery are SST's defaults. */
export const images = new sst.aws.Dynamo("Images", {
  fields: Object.fromEntries(keys.map((key) => [key, "string" as const])),
  primaryIndex: { hashKey: primary.pk, rangeKey: primary.sk },
  globalIndexes: Object.fromEntries(
    Object.entries(indexes).map(([name, { pk, sk, projection }]) => [
      name,
      { hashKey: pk, rangeKey: sk, projection: projection === "all" ? projection : [...projection] },
    ]),
  ),
  ttl,
  deletionProtection: production,
});

/** Returns the ARN of an index. */
export const indexArn = (name: keyof typeof indexes) => $interpolate`${images.arn}/index/${name}`;

/** Prefixes of partition keys, by the entities under them. */
const kinds = {
  /** Images, with their events. */
  image: "$images#imageID_*",
  /** Term rows, by which images are found. */
  term: "$images#kind_*",
  /** Quotas and idempotency keys of an owner. */
  owner: "$images#owner_*",
  /** An owner's usage in a day, in which the processor counts and which the API reads. */
  usage: "$images#owner_*#day_*",
  /** The sharded tally of all images, and what each owner has stored. */
  tally: "$images#shard_*",
  /** Checkpoints of the reconciler's jobs. */
  job: "$images#job_*",
  /** Webhook endpoints of an owner. */
  webhook: "$images#scope_*",
  /** The secrets that sign messages to webhooks. Only the API and the sender may read them. */
  secret: "$images#signer_*",
  /** Deliveries to webhooks. */
  delivery: "$images#webhookID_*",
  /** API keys. No function may write them. */
  key: "$images",
} as const;

/** Returns a permission that holds for items of these kinds only, by their partition key. */
export const itemRight = (actions: `dynamodb:${string}`[], ...of: (keyof typeof kinds)[]) => ({
  actions,
  resources: [images.arn],
  conditions: [
    {
      test: "ForAllValues:StringLike",
      variable: "dynamodb:LeadingKeys",
      values: of.map((kind) => kinds[kind]),
    },
  ],
});

/**
 * The permissions to write and delete image records, events and term rows, to update the tally, and to write and send the
 * deliveries of a transition to webhooks.
 */
export const recordRights = [
  itemRight(["dynamodb:GetItem", "dynamodb:PutItem"], "image"),
  itemRight(["dynamodb:PutItem", "dynamodb:DeleteItem"], "term"),
  itemRight(["dynamodb:UpdateItem"], "tally"),
  itemRight(["dynamodb:Query"], "webhook"),
  itemRight(["dynamodb:PutItem", "dynamodb:DeleteItem"], "delivery"),
  { actions: ["sqs:SendMessage"], resources: [deliveries.arn] },
];
