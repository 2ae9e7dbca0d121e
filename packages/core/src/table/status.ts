/** Statuses of images, and the time for which a record waits. Pure, and without the table's client. */

/** `pending → processing → ready | rejected | failed`; `trashed`, until restored; `deleting → deleted`, a tombstone. */
export const statuses = [
  "pending",
  "processing",
  "ready",
  "rejected",
  "failed",
  "trashed",
  "deleting",
  "deleted",
] as const;
export type Status = (typeof statuses)[number];

/** Statuses of images that lists, searches and counts contain without being asked for a status. */
export const listedStatuses = ["pending", "processing", "ready", "rejected", "failed"] as const;

/** Statuses of images that callers may see: all but those of a deletion. */
export const visibleStatuses = [...listedStatuses, "trashed"] as const;

/** Returns whether lists contain images of a status without being asked for it: not in the trash, not deleted. */
export const isListed = ({ status }: { status?: string }): boolean =>
  listedStatuses.some((listed) => listed === status);

/** Returns true if a record has a final status, which only a newer upload, a request or a retry changes. */
export const isSettled = ({ status }: { status: Status }) =>
  status === "ready" ||
  status === "rejected" ||
  status === "failed" ||
  status === "trashed" ||
  status === "deleted";

/**
 * Returns whether the change feed contains a record: from the first bytes of its image on, or once it has ended without
 * them. An image that was only created may never get any, and then no deletion would report it gone.
 */
export const isInFeed = ({ status, etag }: { status?: string; etag?: string }): boolean =>
  status !== "pending" || etag !== undefined;

/** The times that a record waits for. */
export type Waiting = { dueAt?: string; trash?: { until: string }; deleteAt?: string };

/** Returns the time at which the reconciler has to look at a record (ISO 8601): the earliest that it waits for. */
export function dueOf({ dueAt, trash, deleteAt }: Waiting): string | undefined {
  const [first] = [dueAt, trash?.until, deleteAt].filter((at) => at !== undefined).sort();
  return first;
}
