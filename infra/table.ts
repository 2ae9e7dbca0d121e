/** The one table. Its keys and indexes are core's, so that they cannot differ from what the entities use. */
import { indexes, primary, ttl } from "../packages/core/src/table/table-schema.ts";
import { production } from "./stage.ts";

// Links carry names and no rights: SST's own would grant `dynamodb:*`.
sst.Linkable.wrap(sst.aws.Dynamo, (table) => ({ properties: { name: table.name } }));

const keys = [primary, ...Object.values(indexes)].flatMap(({ pk, sk }) => [pk, sk]);

/** On demand and with point-in-time recovery, which are SST's defaults. */
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

/** An index as permissions name it. */
export const indexArn = (name: keyof typeof indexes) => $interpolate`${images.arn}/index/${name}`;

/** How partition keys begin, by what lies under them. */
const kinds = {
  /** Images, with their history and their tags. */
  image: "$images#imageID_*",
  /** What is counted and remembered of an owner's requests. */
  owner: "$images#owner_*",
  /** The tally of all images. */
  tally: "$images#shard_*",
  /** How far long jobs have come. */
  job: "$images#job_*",
  /** API keys. Nobody who serves requests may write them. */
  key: "$images",
} as const;

/** A right on items of these kinds alone. Others are refused, whatever the code asks for. */
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

/** What is needed to write images and to remove what they leave: records, history, tags, and the tally of them. */
export const recordRights = [
  itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "image"),
  itemRight(["dynamodb:UpdateItem"], "tally"),
];
