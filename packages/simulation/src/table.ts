/**
 * An in-process transport for DynamoDB clients: dynalite's own validation and operations, without HTTP, JSON documents
 * and signatures, which were half of a schedule's CPU. The clients keep their marshalling and their retries.
 */
import { createRequire } from "node:module";
import {
  ConditionalCheckFailedException,
  type DynamoDB,
  DynamoDBServiceException,
} from "@aws-sdk/client-dynamodb";
import type { Store } from "dynalite";

type Fault = Error & { statusCode?: number; body?: { __type: string; message?: string; Message?: string } };

/** An operation of dynalite and the constraints on its input. */
type Operation = {
  types: object;
  custom(data: object, store: Store): string | undefined;
  perform(store: Store, data: object, done: (error: Fault | null, output?: object) => void): void;
};

type Validations = {
  checkTypes(data: object, types: object): object;
  checkValidations(data: object, types: object, custom: Operation["custom"], store: Store): void;
};

const require = createRequire(import.meta.url);
const { checkTypes, checkValidations } = require("dynalite/validations/index.js") as Validations;
const operations = new Map<string, Operation>();

function operation(name: string): Operation {
  const known = operations.get(name);
  if (known) return known;
  const file = `${name.charAt(0).toLowerCase()}${name.slice(1)}.js`;
  const { types, custom } = require(`dynalite/validations/${file}`) as Operation;
  const loaded: Operation = { types, custom, perform: require(`dynalite/actions/${file}`) };
  operations.set(name, loaded);
  return loaded;
}

/** Middleware that only HTTP needs. */
const httpOnly = [
  "loggerMiddleware",
  "contentLengthMiddleware",
  "getUserAgentMiddleware",
  "hostHeaderMiddleware",
  "recursionDetectionMiddleware",
  "httpSigningMiddleware",
];

type Client = { middlewareStack: Pick<DynamoDB["middlewareStack"], "remove" | "add">; config: object };

/** Lets a client ask this store, in place of its endpoint. */
export function connect(client: Client, store: Store): void {
  const { middlewareStack: stack } = client;
  // All that remains to be read at each request; the SDK copies the configuration for each.
  const { translateConfig } = client.config as { translateConfig?: object };
  client.config = {
    translateConfig,
    isCustomEndpoint: true,
    endpointProvider: () => ({}),
    requestHandler: {},
  };
  for (const name of httpOnly) stack.remove(name);
  // Other middleware takes its place relative to the two.
  stack.add((next) => next, { name: "serializerMiddleware", step: "serialize", override: true });
  stack.add(
    (_, { commandName = "" }) =>
      async ({ input }) => {
        const name = commandName.replace(/Command$/, "");
        return { response: {}, output: { ...(await ask(store, name, input)), $metadata: {} } } as never;
      },
    { name: "deserializerMiddleware", step: "deserialize", override: true },
  );
}

/** Keeps the descriptions of tables, which dynalite reads and parses for every operation. No table may change. */
export function keepTables(store: Store): void {
  const known = new Map<string, object>();
  const read = store.getTable;
  store.getTable = (name, done) => {
    const table = known.get(name);
    if (table) return queueMicrotask(() => done(null, table));
    read(name, (error, table) => {
      if (table) known.set(name, table);
      done(error, table);
    });
  };
}

/** Performs an operation on a copy of its input. Throws what the SDK's client would. */
function ask(store: Store, name: string, input: object): Promise<object> {
  const { types, custom, perform } = operation(name);
  return new Promise((resolve, reject) => {
    const fail = (error: Fault) => reject(error.body ? exceptionOf(error.body, error.statusCode) : error);
    try {
      const data = checkTypes(JSON.parse(JSON.stringify(input)), types);
      checkValidations(data, types, custom, store);
      perform(store, data, (error, output = {}) => (error ? fail(error) : resolve(output)));
    } catch (error) {
      fail(error as Fault);
    }
  });
}

function exceptionOf({ __type, message, Message }: NonNullable<Fault["body"]>, httpStatusCode = 400) {
  const name = __type.replace(/^.*#/, "");
  const $fault = httpStatusCode < 500 ? "client" : "server";
  const parts = { $fault, message: message ?? Message ?? name, $metadata: { httpStatusCode } } as const;
  return name === "ConditionalCheckFailedException"
    ? new ConditionalCheckFailedException(parts)
    : new DynamoDBServiceException({ name, ...parts });
}
