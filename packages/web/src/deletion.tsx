/** Deletions with ten seconds to undo them. Until then no request is sent. */
import { ClientError } from "@image-pipeline/client";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api } from "./api.ts";
import { nameOf } from "./gallery/tile.ts";
import { discard, drafts } from "./image/draft.ts";
import { publishDeletion } from "./live.ts";
import { format } from "./route.ts";
import { route } from "./router.ts";
import { type Words, wordsOf } from "./words.ts";

/** Time to undo a deletion. The `run-out` animation takes as long. */
const undoMs = 10_000;

/** Images to be deleted, by id; they are hidden. The last one is the newest. */
export const pendingDelete = signal<ReadonlyMap<string, { name: string }>>(new Map());

/** Why the last deletion failed. */
const deletionError = signal<Words | undefined>(undefined);

const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** Images whose time to undo is over, and the number of those that are being deleted. */
const due: string[] = [];
let running = 0;
const atOnce = 6;

function pump(): void {
  while (running < atOnce) {
    const id = due.shift();
    if (id === undefined) return;
    running++;
    void carryOut(id).finally(() => {
      running--;
      pump();
    });
  }
}

/** Hides an image and deletes it after ten seconds. */
export function remove(id: string, name: string): void {
  if (pendingDelete.peek().has(id)) return;
  pendingDelete.value = new Map(pendingDelete.peek()).set(id, { name });
  deletionError.value = undefined;
  startTimer(id);
}

function startTimer(id: string): void {
  const run = () => {
    timers.delete(id);
    due.push(id);
    pump();
  };
  timers.set(id, setTimeout(run, undoMs));
}

/** Deletes an image without a time to undo it: one that has no bytes. */
export function removeNow(id: string): void {
  if (pendingDelete.peek().has(id)) return;
  pendingDelete.value = new Map(pendingDelete.peek()).set(id, { name: "" });
  void carryOut(id);
}

function undo(): void {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  pendingDelete.value = new Map();
}

/** Restarts the timers while the Undo button has focus or pointer. */
function restart(): void {
  for (const [id, timer] of timers) {
    clearTimeout(timer);
    startTimer(id);
  }
}

async function carryOut(id: string): Promise<void> {
  clearTimeout(timers.get(id));
  timers.delete(id);
  try {
    await api.images.remove(id);
    publishDeletion(id);
  } catch (error) {
    // Already deleted: that is the wanted result.
    if (error instanceof ClientError && error.code === "image_not_found") publishDeletion(id);
    else deletionError.value = wordsOf(error);
  } finally {
    const left = new Map(pendingDelete.peek());
    left.delete(id);
    pendingDelete.value = left;
  }
}

// Closing the page confirms pending deletions.
addEventListener("pagehide", () => {
  for (const id of [...timers.keys(), ...due.splice(0)]) void carryOut(id);
});

/** Toasts for pending deletions, with Undo (also Ctrl+Z), for a deletion that failed and for edits that were not saved. */
export function Toasts() {
  const names = [...pendingDelete.value.values()].map(({ name }) => name);
  const error = deletionError.value;
  const unsaved = [...drafts.value].filter(([id, draft]) => draft.error && id !== route.value.imageID);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
      const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
      if (isUndo && !isTyping && pendingDelete.peek().size > 0) undo();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  return (
    <div class="toasts" role="status">
      {names.length > 0 ? (
        <div class="toast">
          <span>{names.length === 1 ? `Deleted ${names[0]}` : `Deleted ${names.length} images`}</span>
          <button type="button" class="link" onClick={undo} onFocus={restart} onPointerEnter={restart}>
            Undo
          </button>
          <i key={names.length} class="countdown" aria-hidden="true" />
        </div>
      ) : null}
      {error ? (
        <div class="toast">
          <span>
            Not deleted. {error.what} {error.help}
          </span>
          <button
            type="button"
            class="link"
            onClick={() => {
              deletionError.value = undefined;
            }}
          >
            Close
          </button>
        </div>
      ) : null}
      {unsaved.map(([id, draft]) => (
        <div key={id} class="toast">
          <span>
            Changes to {nameOf(draft.base)} were not saved. {draft.error?.what}
          </span>
          <a class="link" href={format({ ...route.value, page: "gallery", imageID: id })}>
            Open
          </a>
          <button type="button" class="link" onClick={() => discard(id)}>
            Discard
          </button>
        </div>
      ))}
    </div>
  );
}
