/** Deletions: into the trash with an undo, and for good after a confirmation. */
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

/**
 * Puts images into the trash; where the stage has none, deletes them after a confirmation. The stage is asked each time,
 * because its settings may change while the page is open. Returns true if any image is gone.
 */
export async function remove(images: readonly Named[]): Promise<boolean> {
  const trashDays = await api.health().then(
    (health) => health.trashDays,
    () => 0,
  );
  const title = `Delete ${countOf(images)}?`;
  if (!trashDays && !(await ask({ title, text: "This cannot be undone.", action: "Delete" }))) return false;
  const { images: gone, failures } = await send(images);
  if (trashDays) say({ text: `Moved ${countOf(gone)} to the trash`, undo: gone, failures });
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

/** Returns the name of one image, or the number of several. */
function countOf(images: readonly Named[]): string {
  const [first] = images;
  return images.length === 1 && first ? first.name : `${images.length} images`;
}

/** True if Undo has something to bring back. */
export const canUndo = computed(() => Boolean(message.value?.undo?.length));
