/** The connection to the one DynamoDB table. The only file that imports its client. */
export * as Table from "./table.ts";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { Resource } from "sst";

/** One client for the life of the process, so that connections are kept. `AWS_ENDPOINT_URL_DYNAMODB` redirects it. */
export const client = new DynamoDBClient({});

/** What every entity is constructed with. A field that is undefined, however deep, is a field that is not there. */
export const configuration = {
  client: DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } }),
  table: Resource.Images.name,
};
