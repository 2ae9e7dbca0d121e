/** The types of dynalite, which ships none; `store` comes with patches/dynalite+4.0.0.patch. */
declare module "dynalite" {
  import type { Server } from "node:http";
  /** The parts of a LevelDB iterator and database that the endpoint and its tests use. */
  export type Iterator = { close(): Promise<void> };
  export type Database = {
    open(): Promise<void>;
    close(): Promise<void>;
    values(options?: object): Iterator;
    batch(operations: object[], done: (error?: Error) => void): void;
  };
  type GetTable = (name: string, done: (error: Error | null, table?: object) => void) => void;
  export type Store = { db: Database; getTable: GetTable };
  export default function dynalite(options: {
    path?: string | undefined;
    createTableMs: number;
    deleteTableMs: number;
    updateTableMs: number;
  }): Server & { store?: Store };
}
