/** The DynamoDB table and its client. */
export * as Table from "./table.ts";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { ElectroError } from "electrodb";
import { Resource } from "sst";
import { limits } from "../aws/limits.ts";

/** Creates a client from the environment: region, credentials, `AWS_ENDPOINT_URL_DYNAMODB`. Tests change `timeouts`. */
export const createClient = (timeouts: { requestTimeout?: number; socketTimeout?: number } = {}) =>
  DynamoDBDocumentClient.from(
    new DynamoDBClient({ ...limits, requestHandler: { ...limits.requestHandler, ...timeouts } }),
    // The client takes an object with an entry `constructor`, as metadata may have, for an instance of a class.
    { marshallOptions: { removeUndefinedValues: true, convertClassInstanceToMap: true } },
  );

let shared: DynamoDBDocumentClient | undefined;

/** The process's one client, created at its first use, so that connections are kept and imports read no environment. */
export function client(): DynamoDBDocumentClient {
  shared ??= createClient();
  return shared;
}

/** The table's name, from the stage. */
export const name = (): string => Resource.Images.name;

/** The part of an ElectroDB entity that defines where it is stored. */
type Bindable = { setClient(client: DynamoDBDocumentClient): void; getTableName(): string | undefined };

/**
 * Binds an entity to the table. Client and name are resolved at each request, so that a declaration reads no environment.
 * `derived` are attributes that only keys of indexes follow from: they are not stored, because each write pays for them.
 */
export function onTable<E extends Bindable>(entity: E, derived: readonly string[] = []): E {
  // ElectroDB calls only `send`.
  const send = (...sent: Parameters<DynamoDBDocumentClient["send"]>) => {
    const [{ input }] = sent;
    if ("Item" in input) for (const name of derived) Reflect.deleteProperty(input.Item ?? {}, name);
    return client().send(...sent);
  };
  entity.setClient({ send } as DynamoDBDocumentClient);
  entity.getTableName = name;
  return entity;
}

/** Returns whether DynamoDB refused a write because of its condition. */
export function isConditionFailure(error: unknown): boolean {
  return (
    error instanceof ElectroError &&
    error.cause instanceof Error &&
    error.cause.name === "ConditionalCheckFailedException"
  );
}
