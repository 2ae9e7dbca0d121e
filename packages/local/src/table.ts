/** The Images table: its creation with the keys and indexes of core's schema, and the deletion of expired items. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type CreateTableCommandInput,
  DynamoDB,
  type KeySchemaElement,
  ResourceInUseException,
  type TableDescription,
} from "@aws-sdk/client-dynamodb";
import { limits } from "@image-pipeline/core/aws/limits";
import { indexes, primary, ttl } from "@image-pipeline/core/table/table-schema";
import { type Credentials, StartError } from "./environment.ts";

/** Creates a client of an endpoint, for operations that the pipeline itself does not need. */
export const createClient = (options: { endpoint: string; region: string; credentials: Credentials }) =>
  new DynamoDB({ ...limits, ...options });

/** A new table is active at once in dynalite, and after some seconds on AWS. */
const activeWait = { everyMs: 200, tries: 600 };

/**
 * Creates the table unless it exists, and resolves when it is active. Throws a `StartError` if it exists with other
 * keys or indexes.
 */
export async function ensureTable(client: DynamoDB, name: string): Promise<void> {
  try {
    await client.createTable({ TableName: name, ...definition() });
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
    const { Table = {} } = await client.describeTable({ TableName: name });
    if (layoutOf(Table) !== layoutOf(definition()))
      throw new StartError(
        `The table ${name} has other indexes than this version needs. Set DATA_DIR to an empty folder.`,
      );
  }
  for (let tries = 0; tries < activeWait.tries; tries++) {
    const { Table } = await client.describeTable({ TableName: name });
    if (Table?.TableStatus === "ACTIVE") return;
    await sleep(activeWait.everyMs);
  }
  throw new StartError(
    `The table ${name} is not active after two minutes. Check it at AWS_ENDPOINT_URL_DYNAMODB.`,
  );
}

/** Returns the input of `CreateTable`. */
function definition(): Omit<CreateTableCommandInput, "TableName"> {
  const schema = (pk: string, sk: string): KeySchemaElement[] => [
    { AttributeName: pk, KeyType: "HASH" },
    { AttributeName: sk, KeyType: "RANGE" },
  ];
  const keys = [primary, ...Object.values(indexes)].flatMap(({ pk, sk }) => [pk, sk]);
  return {
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: schema(primary.pk, primary.sk),
    GlobalSecondaryIndexes: Object.entries(indexes).map(([IndexName, { pk, sk, projection }]) => ({
      IndexName,
      KeySchema: schema(pk, sk),
      Projection:
        projection === "all"
          ? { ProjectionType: "ALL" }
          : { ProjectionType: "INCLUDE", NonKeyAttributes: [...projection] },
    })),
  };
}

/** Returns the parts of a table that cannot be changed later, as text to compare. */
function layoutOf({
  KeySchema,
  GlobalSecondaryIndexes = [],
}: Pick<TableDescription, "KeySchema" | "GlobalSecondaryIndexes">): string {
  const keysOf = (schema: KeySchemaElement[] = []) =>
    schema.map(({ AttributeName }) => AttributeName).join("/");
  const lines = GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }) => {
    const copied = Projection?.NonKeyAttributes?.toSorted() ?? [];
    return [IndexName, keysOf(KeySchema), Projection?.ProjectionType, ...copied].join(" ");
  });
  return [keysOf(KeySchema), ...lines.sort()].join("\n");
}

/** A primary key, as DynamoDB's JSON has it. */
export type Key = Record<string, AttributeValue>;

/**
 * Deletes expired items, because dynalite has no time to live: scans up to `limit` items after the key `start`, and
 * returns the key to continue after, undefined at the end of the table. `now` is in milliseconds since 1970.
 */
export async function expire(
  client: DynamoDB,
  name: string,
  { start, limit, now }: { start?: Key; limit: number; now: number },
): Promise<Key | undefined> {
  const expired = {
    ExpressionAttributeNames: { "#ttl": ttl },
    ExpressionAttributeValues: { ":now": { N: String(Math.floor(now / 1000)) } },
  };
  const page = await client.scan({
    TableName: name,
    Limit: limit,
    ExclusiveStartKey: start,
    FilterExpression: "#ttl < :now",
    ProjectionExpression: `${primary.pk}, ${primary.sk}`,
    ...expired,
  });
  for (const Key of page.Items ?? []) {
    try {
      await client.deleteItem({ TableName: name, Key, ConditionExpression: "#ttl < :now", ...expired });
    } catch (error) {
      // Its time was extended meanwhile.
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
  return page.LastEvaluatedKey;
}
