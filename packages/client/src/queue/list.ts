/** List of queued uploads that the app shows: a snapshot that is replaced at each change. */
import { ClientError } from "../problem.ts";
import type { State } from "./machine.ts";
import type { Entry } from "./store.ts";

/** A queued upload. `sent` and `total` are bytes. `imageID` is known once the image is created. */
export type Upload = {
  id: string;
  state: State;
  filename: string;
  sent: number;
  total: number;
  imageID?: string;
  /** Last error. An upload that is `waiting` or `offline` is retried without help. */
  error?: { code: string; message: string };
};

/** Part of an upload that the list reads: the stored entry and the bytes sent so far. */
export type Item = { entry: Entry; sent: number };

const active: readonly State[] = [
  "queued",
  "creating",
  "sending",
  "waiting",
  "offline",
  "auth",
  "cancelling",
];

/** Creates the list of `items`, in their order. `changed` tells the listeners. */
export function createList(items: ReadonlyMap<string, Item>) {
  const listeners = new Set<() => void>();
  let snapshot: readonly Upload[] | undefined;

  function subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  return {
    list: (): readonly Upload[] => {
      snapshot ??= [...items.values()].map(uploadOf);
      return snapshot;
    },
    subscribe,
    changed(): void {
      snapshot = undefined;
      for (const listener of listeners) listener();
    },
    /** Resolves when the upload needs no more work, with undefined if it is not in the list. */
    settled: (id: string): Promise<Upload | undefined> =>
      new Promise((resolve) => {
        const look = () => {
          const item = items.get(id);
          if (item && active.includes(item.entry.state)) return;
          stop();
          resolve(item && uploadOf(item));
        };
        const stop = subscribe(look);
        look();
      }),
  };
}

const uploadOf = ({ entry, sent }: Item): Upload => {
  const { id, state, input, imageID, error } = entry;
  const total = input.bytes;
  const { filename } = input;
  return { id, state, filename, sent: state === "uploaded" ? total : sent, total, imageID, error };
};

/** Describes an error for the app and for the store. */
export function describe(error: unknown): { code: string; message: string } {
  const code = error instanceof ClientError ? error.code : "unexpected_answer";
  return { code, message: error instanceof Error ? error.message : String(error) };
}
