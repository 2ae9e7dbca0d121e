/** The connection to the one DynamoDB table. */
export * as Table from "./table.ts";

import { Resource } from "sst";
import { createClient, type Plain } from "./dynamodb.ts";

/** One client for the life of the process. */
export const client = createClient();

/** The table's name. */
export const name = Resource.Images.name;

const operation = (name: string) => (input: Plain) => ({ promise: () => client.call(name, input) });

const unused = () => {
  throw new Error("The table is used without this operation: if it is needed, add it in core/src/table.ts.");
};

/** What every entity is constructed with: the client, in the form of AWS's old one, which ElectroDB takes as well. */
export const configuration = {
  client: {
    get: operation("GetItem"),
    put: operation("PutItem"),
    update: operation("UpdateItem"),
    delete: operation("DeleteItem"),
    query: operation("Query"),
    batchGet: operation("BatchGetItem"),
    batchWrite: unused,
    scan: unused,
    transactGet: unused,
    transactWrite: unused,
    createSet: unused,
  },
  table: name,
};
