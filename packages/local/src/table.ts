/** The Images table: its creation with the keys and indexes of core's schema, and the deletion of expired items. */
import { setTimeout as sleep } from "node:timers/promises";
import { indexes, primary, ttl } from "@image-pipeline/core/table/table-schema";
import type { AwsClient } from "aws4fetch";
import { StartError } from "./environment.ts";

/** Calls one DynamoDB operation. Throws with the error's own type as `name`. */
export type Call = (operation: string, input: object) => Promise<Record<string, unknown>>;

/** Creates a client of DynamoDB's JSON protocol, for operations that the pipeline itself does not need. */
export const caller =
  (aws: AwsClient, url: string): Call =>
  async (operation, input) => {
    const response = await aws.fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
      },
      body: JSON.stringify(input),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (response.ok) return answer;
    const error = new Error(`${operation}: ${answer.message ?? answer.Message ?? response.status}`);
    error.name = String(answer.__type ?? "").replace(/^.*#/, "");
    throw error;
  };

/** A new table is active at once in dynalite, and after some seconds on AWS. */
const activeWait = { everyMs: 200, tries: 600 };

/**
 * Creates the table unless it exists, and resolves when it is active. Throws a `StartError` if it exists with other
 * keys or indexes.
 */
export async function ensureTable(call: Call, name: string): Promise<void> {
  try {
    await call("CreateTable", { TableName: name, ...definition() });
  } catch (error) {
    if (!(error instanceof Error && error.name === "ResourceInUseException")) throw error;
    const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: Definition };
    if (layoutOf(Table) !== layoutOf(definition()))
      throw new StartError(
        `The table ${name} has other indexes than this version needs. Set DATA_DIR to an empty folder.`,
      );
  }
  for (let tries = 0; tries < activeWait.tries; tries++) {
    const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: Definition };
    if (Table.TableStatus === "ACTIVE") return;
    await sleep(activeWait.everyMs);
  }
  throw new StartError(
    `The table ${name} is not active after two minutes. Check it at AWS_ENDPOINT_URL_DYNAMODB.`,
  );
}

type KeySchema = { AttributeName: string; KeyType: string }[];
type Projection = { ProjectionType: string; NonKeyAttributes?: string[] };
type Index = { IndexName: string; KeySchema: KeySchema; Projection: Projection };
type Definition = { TableStatus?: string; KeySchema: KeySchema; GlobalSecondaryIndexes?: Index[] };

/** Returns the input of `CreateTable`. */
function definition() {
  const schema = (pk: string, sk: string): KeySchema => [
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
function layoutOf({ KeySchema, GlobalSecondaryIndexes = [] }: Definition): string {
  const keysOf = (schema: KeySchema) => schema.map(({ AttributeName }) => AttributeName).join("/");
  const lines = GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }) => {
    const copied = Projection.NonKeyAttributes?.toSorted() ?? [];
    return [IndexName, keysOf(KeySchema), Projection.ProjectionType, ...copied].join(" ");
  });
  return [keysOf(KeySchema), ...lines.sort()].join("\n");
}

/**
 * Deletes expired items, because dynalite has no time to live: scans up to `limit` items after the key `start`, and
 * returns the key to go on after, undefined at the end of the table. `now` is in milliseconds since 1970.
 */
export async function expire(
  call: Call,
  name: string,
  { start, limit, now }: { start?: object; limit: number; now: number },
): Promise<object | undefined> {
  const expired = {
    ExpressionAttributeNames: { "#ttl": ttl },
    ExpressionAttributeValues: { ":now": { N: String(Math.floor(now / 1000)) } },
  };
  const page = await call("Scan", {
    TableName: name,
    Limit: limit,
    ExclusiveStartKey: start,
    FilterExpression: "#ttl < :now",
    ProjectionExpression: `${primary.pk}, ${primary.sk}`,
    ...expired,
  });
  for (const Key of (page.Items ?? []) as object[]) {
    try {
      await call("DeleteItem", { TableName: name, Key, ConditionExpression: "#ttl < :now", ...expired });
    } catch (error) {
      // Its time was extended meanwhile.
      if (!(error instanceof Error && error.name === "ConditionalCheckFailedException")) throw error;
    }
  }
  return page.LastEvaluatedKey as object | undefined;
}
