/** What we use of dynalite, which ships no types. Its inner module is held by the exact version in package.json. */
declare module "dynalite" {
  import type { Server } from "node:http";
  import type { Options } from "dynalite/db/index.js";
  export default function dynalite(options: Options): Server;
}

declare module "dynalite/db/index.js" {
  type Options = {
    path?: string | undefined;
    createTableMs: number;
    deleteTableMs: number;
    updateTableMs: number;
  };
  type Attributes = Record<string, Record<string, unknown>>;
  type Table = { TableName: string; GlobalSecondaryIndexes?: unknown[] };
  type Operation = { type: "put"; key: string; value: Attributes } | { type: "del"; key: string };
  /** With `statusCode` and `body` it is answered; any other error is thrown, out of everybody's reach. */
  type Failure = Error & { statusCode?: number; body?: { __type: string; message: string } };
  type Done = (error?: Failure | null) => void;
  type Iterator = { close(): Promise<void>; return?(): Promise<void> };
  type Store = {
    db: {
      open(): Promise<void>;
      batch(operations: Operation[], done: Done): void;
      keys(options?: object): Iterator;
      values(options?: object): Iterator;
    };
  };

  const db: {
    create(options: Options): Store;
    createKey(item: Attributes, table: Table): string;
    getIndexActions(
      indexes: unknown[],
      before: Attributes | undefined,
      after: Attributes | null,
      table: Table,
    ): {
      puts: { index: string; key: string; item: Attributes }[];
      deletes: { index: string; key: string }[];
    };
    updateIndexes(
      store: Store,
      table: Table,
      before: Attributes | undefined,
      after: Attributes | null,
      done: Done,
    ): void;
  };
  export default db;
  export type { Attributes, Done, Failure, Iterator, Operation, Options, Store, Table };
}
