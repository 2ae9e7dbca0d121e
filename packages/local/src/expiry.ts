/** Time to live, which DynamoDB sees to by itself and dynalite does not. */
import { primary, ttl } from "@image-pipeline/core/table/table-schema";
import type { Call } from "./table.ts";

/**
 * One step of a walk through the table that removes what has expired, as DynamoDB does by itself and dynalite does
 * not: looks at up to `limit` items after `start` and returns where to go on, undefined at the end.
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
      // Somebody has put it off meanwhile.
      if (!(error instanceof Error && error.name === "ConditionalCheckFailedException")) throw error;
    }
  }
  return page.LastEvaluatedKey as object | undefined;
}
