/** The one table. Its keys and indexes are core's, so that they cannot differ from what the entities use. */
import { indexes, primary, ttl } from "../packages/core/src/table-schema.ts";
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
