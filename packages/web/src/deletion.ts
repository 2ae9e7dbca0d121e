/** Deletions: into the trash with an undo, and for good after a confirmation. */
import { ClientError } from "@image-pipeline/client";
import { computed, signal } from "@preact/signals";
import { api } from "./api.ts";
import { type Failure, type Named, runEach } from "./bulk.ts";
import { publish, publishDeletion } from "./live.ts";

/** Time for which Undo is offered. The `run-out` animation takes as long. */
const undoMs = 10_000;

/** Ids of the images whose deletion is in progress. They are hidden. */
export const pendingDelete = signal<ReadonlySet<string>>(new Set());

/** True while deletions or restorations are sent: leaving the page would leave some out. */
export const isChanging = signal(false);

/** A message about the last deletion or restoration. `undo`: the images in the trash that it can bring back. */
export type Message = { text: string; undo?: readonly Named[]; failures?: readonly Failure[] };

/** The message that is shown. */
export const message = signal<Message | undefined>(undefined);

/** A question that is open, and the function that answers it. */
type Question = { title: string; text: string; action: string; answer: (isYes: boolean) => void };

/** The open question. */
export const question = signal<Question | undefined>(undefined);

/**
 * True if the stage has a trash, false if not. The API does not say so, but an image in the trash does, and one that was deleted.
 * Undefined until either was seen: deletions are then confirmed.
 */
const hasTrash = signal<boolean | undefined>(undefined);

let timer: ReturnType<typeof setTimeout> | undefined;

/** Says something for ten seconds; a failure until it is closed. */
function say(next: Message): void {
  message.value = next;
  keep();
}

/** Restarts the time of the message, while its button has focus or pointer. */
export function keep(): void {
  clearTimeout(timer);
  if (message.peek()?.failures?.length) return;
  timer = setTimeout(() => {
    message.value = undefined;
  }, undoMs);
}

/** Asks, and resolves with the answer. */
export function ask(asked: Omit<Question, "answer">): Promise<boolean> {
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (isYes) => {
        question.value = undefined;
        resolve(isYes);
      },
    };
  });
}

/** Puts images into the trash. Where the stage has none, or none is known of, asks first. Returns true if any is gone. */
export async function remove(images: readonly Named[]): Promise<boolean> {
  if (hasTrash.peek() === undefined) await learn();
  const isSafe = hasTrash.peek() === true;
  const title = `Delete ${countOf(images)}?`;
  const text =
    hasTrash.peek() === false
      ? "This cannot be undone."
      : "Without a trash on this server, this cannot be undone.";
  if (!isSafe && !(await ask({ title, text, action: "Delete" }))) return false;
  const done = await send(images);
  const [first] = done.images;
  if (first && !isSafe) hasTrash.value = await isInTrash(first.id);
  const { images: gone, failures } = done;
  if (hasTrash.peek()) say({ text: `Moved ${countOf(gone)} to the trash`, undo: gone, failures });
  else say({ text: `Deleted ${countOf(gone)}`, failures });
  return gone.length > 0;
}

/** Deletes images without the trash, or out of it, after a confirmation. Returns true if any is gone. */
export async function removeForGood(images: readonly Named[]): Promise<boolean> {
  const title = `Delete ${countOf(images)} permanently?`;
  const text = "Originals, variants and their older versions are removed. This cannot be undone.";
  if (!(await ask({ title, text, action: "Delete permanently" }))) return false;
  const { images: gone, failures } = await send(images, { permanent: true });
  say({ text: `Deleted ${countOf(gone)}`, failures });
  return gone.length > 0;
}

/** Deletes an image that has no bytes, for good and without a confirmation. */
export async function removeNow(id: string): Promise<void> {
  const { failures } = await send([{ id, name: "The image" }], { permanent: true });
  if (failures.length > 0) say({ text: "", failures });
}

/** Takes images out of the trash. */
export async function restore(images: readonly Named[]): Promise<void> {
  hasTrash.value = true;
  const restored: Named[] = [];
  isChanging.value = true;
  const failures = await runEach(
    images,
    (id) => ({ op: "restore", id }),
    (item, image) => {
      restored.push(item);
      if (image) publish(image);
    },
  );
  isChanging.value = false;
  say({ text: `Restored ${countOf(restored)}`, failures });
}

/** Restores the images of the message. */
export function undo(): void {
  const { undo } = message.peek() ?? {};
  message.value = undefined;
  if (undo?.length) void restore(undo);
}

/** Sends the deletion of each image, which is hidden meanwhile. Returns those that are gone, and the failures. */
async function send(
  images: readonly Named[],
  { permanent = false } = {},
): Promise<{ images: Named[]; failures: Failure[] }> {
  const gone: Named[] = [];
  message.value = undefined;
  isChanging.value = true;
  pendingDelete.value = new Set([...pendingDelete.peek(), ...images.map(({ id }) => id)]);
  const failures = await runEach(
    images,
    (id) => ({ op: "delete", id, permanent }),
    (image) => {
      gone.push(image);
      publishDeletion(image.id);
    },
  );
  const left = new Set(pendingDelete.peek());
  for (const { id } of images) left.delete(id);
  pendingDelete.value = left;
  isChanging.value = false;
  return { images: gone, failures };
}

/** Learns from the images in the trash that there is one. */
async function learn(): Promise<void> {
  const page = await api.images.page({ status: "trashed", limit: 1 }).catch(() => undefined);
  if (page?.items.length) hasTrash.value = true;
}

/** Returns whether an image that was deleted is in the trash. Undefined if it cannot be looked up. */
async function isInTrash(id: string): Promise<boolean | undefined> {
  try {
    return (await api.images.get(id)).status === "trashed";
  } catch (error) {
    return error instanceof ClientError && error.code === "image_not_found" ? false : undefined;
  }
}

/** Returns the name of one image, or the number of several. */
function countOf(images: readonly Named[]): string {
  const [first] = images;
  return images.length === 1 && first ? first.name : `${images.length} images`;
}

/** True if Undo has something to bring back. */
export const canUndo = computed(() => Boolean(message.value?.undo?.length));
