/**
 * Rule 19 of the protocol: webhooks receive the event of every write that succeeded, and none of a write that failed.
 * Pure, like the rules in `protocol.ts`.
 */
export * as Outgoing from "./outgoing.ts";

import type { Transition } from "../table/event-entity.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/** Time after which a write that has not succeeded never will: far longer than its retries. */
const doubtMs = 3_600_000;

/** The write that a delivery waits for: the version that it makes, its id, and when it began. */
type Awaited = { version: number; writeID: string | undefined; createdAt: string };

/** A transition, by the version and the id of the write that made it. */
type Made = Pick<Transition, "version" | "writeID">;

/**
 * Rule 19: returns whether the write that a delivery waits for has succeeded; undefined while it may still be running.
 * `newest` is the record's newest transition, `filed` the one of that version in the audit trail.
 */
function isWritten(
  { version, writeID, createdAt }: Awaited,
  record: Pick<ImageRecord, "version"> | undefined,
  newest: Made | undefined,
  filed: Pick<Made, "writeID"> | undefined,
  now: number,
): boolean | undefined {
  const made = newest?.version === version ? newest : filed;
  if (made) return made.writeID === writeID;
  const isOver = (record && record.version >= version) || Date.parse(createdAt) < now - doubtMs;
  return isOver ? false : undefined;
}

/**
 * Rule 19: returns whether a write whose condition failed has certainly not been applied: another write made its version.
 * Below a later version it may have been, before the response was lost. The sender then looks it up.
 */
const isRefused = (
  current: Pick<ImageRecord, "version"> | undefined,
  { version }: Pick<ImageRecord, "version">,
): boolean => current?.version === version;

/** Rule 19: the id of a message, by which its receiver recognises a repeated attempt. */
const messageIDOf = ({ messageID }: { messageID: string }): string => messageID;

/** Rule 19: returns whether a receiver's status says that it has the message. A redirect does not. */
const isReceived = (status: number): boolean => status >= 200 && status < 300;

/** The rules that the writer and the sender apply. The simulation replaces one at a time, to show what each is for. */
export const rules = { isWritten, isRefused, messageIDOf, isReceived };
export type Rules = typeof rules;
