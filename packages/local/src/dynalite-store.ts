/**
 * What dynalite 4.0.0 offers no option for. It writes an item's index entries and then the item, one after another,
 * so that a process killed between them leaves an item that no index finds, or an index entry of an item that never
 * was. It throws a disk's error out of a callback, which ends the process. It never closes what it reads a query or a
 * scan with, so that each leaves a snapshot of the store behind for good. And it does not say whether its files could
 * be opened.
 */
import type { Server } from "node:http";
import dynalite from "dynalite";
import db, {
  type Attributes,
  type Failure,
  type Operation,
  type Store,
  type Table,
} from "dynalite/db/index.js";
import { StartError } from "./start-error.ts";

/**
 * Opens dynalite's files in a folder, or in memory if none is given; the server does not listen yet. Every write of an
 * item is one LevelDB batch: after a crash it is there whole or not at all. Throws if another process has the folder
 * open.
 */
export async function openDynalite(path?: string): Promise<Server> {
  db.updateIndexes = writeWhole;
  const create = db.create;
  let store: Store | undefined;
  db.create = (options) => {
    store = create(options);
    closeIterators(store);
    return store;
  };
  const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  db.create = create;
  try {
    await store?.db.open();
  } catch (error) {
    const why = reasonOf(error);
    const advice = /lock/i.test(why) ? " Another process uses it: stop that one, or set DATA_DIR." : "";
    throw new StartError(`The table's folder ${path} cannot be opened: ${why}.${advice}`, { cause: error });
  }
  return server;
}

/** dynalite ends an iterator by a method that classic-level 3 does not have, and passes over its absence. */
function closeIterators({ db }: Store): void {
  for (const name of ["keys", "values"] as const) {
    const open = db[name].bind(db);
    db[name] = (options) => {
      const iterator = open(options);
      iterator.return = () => iterator.close();
      return iterator;
    };
  }
}

/** Stands in for dynalite's `updateIndexes`; that the item is written once more after `done` changes nothing. */
function writeWhole(
  store: Store,
  table: Table,
  before: Attributes | undefined,
  after: Attributes | null,
  done: (error?: Failure | null) => void,
): void {
  const item = after ?? before;
  if (!item) {
    done();
    return;
  }
  const { puts, deletes } = db.getIndexActions(table.GlobalSecondaryIndexes ?? [], before, after, table);
  const inIndex = (index: string, key: string) => `index-global~${table.TableName}~${index}~${key}`;
  const key = `item-${table.TableName}~${db.createKey(item, table)}`;
  const operations: Operation[] = [
    ...deletes.map(({ index, key }): Operation => ({ type: "del", key: inIndex(index, key) })),
    ...puts.map(
      ({ index, key, item }): Operation => ({ type: "put", key: inIndex(index, key), value: item }),
    ),
    after ? { type: "put", key, value: after } : { type: "del", key },
  ];
  store.db.batch(operations, (error) => done(error && answerable(error)));
}

/** The error in the form that dynalite answers instead of throwing. */
function answerable(error: Error): Failure {
  const message = `The table could not be written: ${reasonOf(error)}. Free some space or make the data folder writable, then restart.`;
  return Object.assign(new Error(message, { cause: error }), {
    statusCode: 500,
    body: { __type: "com.amazonaws.dynamodb.v20120810#InternalServerError", message },
  });
}

/** LevelDB's own words: they are in the innermost cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}
