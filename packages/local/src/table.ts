/** The Images table on whatever DynamoDB is used: made when it is missing, with the keys and indexes that core names. */
import { setTimeout as sleep } from "node:timers/promises";
import { indexes, primary } from "@image-pipeline/core/table/table-schema";
import type { AwsClient } from "aws4fetch";
import { StartError } from "./start-error.ts";

/** Calls one DynamoDB operation. Throws with the error's own type as `name`. */
export type Call = (operation: string, input: object) => Promise<Record<string, unknown>>;

/** DynamoDB's wire protocol, for the few operations that are not the pipeline's own. */
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

/** A new table serves at once here, and after some seconds in the cloud. */
const activeWait = { everyMs: 200, tries: 600 };

/**
 * Creates the table unless it is there already; resolves when it serves. Throws if it is there with other indexes, as a version of this product
 * made it that laid them out otherwise.
 */
export async function ensureTable(call: Call, name: string): Promise<void> {
  try {
    await call("CreateTable", { TableName: name, ...definition() });
  } catch (error) {
    if (!(error instanceof Error && error.name === "ResourceInUseException")) throw error;
    const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: Definition };
    if (layoutOf(Table) !== layoutOf(definition()))
      throw new StartError(
        `The table ${name} was made by another version of this product, with other indexes. Start with an empty DATA_DIR.`,
      );
  }
  for (let tries = 0; tries < activeWait.tries; tries++) {
    const { Table } = (await call("DescribeTable", { TableName: name })) as { Table: Definition };
    if (Table.TableStatus === "ACTIVE") return;
    await sleep(activeWait.everyMs);
  }
  throw new StartError(`The table ${name} does not become active. Look at it where it was made.`);
}

type KeySchema = { AttributeName: string; KeyType: string }[];
type Projection = { ProjectionType: string; NonKeyAttributes?: string[] };
type Index = { IndexName: string; KeySchema: KeySchema; Projection: Projection };
type Definition = { TableStatus?: string; KeySchema: KeySchema; GlobalSecondaryIndexes?: Index[] };

/** The table as `CreateTable` takes it. */
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

/** Everything of a table that cannot be changed any more, as text to compare. */
function layoutOf({ KeySchema, GlobalSecondaryIndexes = [] }: Definition): string {
  const keysOf = (schema: KeySchema) => schema.map(({ AttributeName }) => AttributeName).join("/");
  const lines = GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }) => {
    const copied = Projection.NonKeyAttributes?.toSorted() ?? [];
    return [IndexName, keysOf(KeySchema), Projection.ProjectionType, ...copied].join(" ");
  });
  return [keysOf(KeySchema), ...lines.sort()].join("\n");
}
