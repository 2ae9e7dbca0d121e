/** Messages over every view: deletions with Undo, failures, edits that were not saved, and the confirmation of a deletion. */
import { useEffect } from "preact/hooks";
import { sentencesOf } from "./bulk.ts";
import { Dialog } from "./controls.tsx";
import { canUndo, keep, message, question, undo } from "./deletion.ts";
import { nameOf } from "./gallery/tile.ts";
import { discard, drafts } from "./image/draft.ts";
import { format } from "./route.ts";
import { route } from "./router.ts";

/** The messages. Ctrl+Z does what Undo does. */
export function Toasts() {
  const unsaved = [...drafts.value].filter(([id, draft]) => draft.error && id !== route.value.imageID);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
      const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
      if (isUndo && !isTyping && canUndo.peek()) undo();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);
  return (
    <div class="toasts" role="status">
      <Changed />
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

/** The result of a deletion or a restoration. */
function Changed() {
  const shown = message.value;
  if (!shown) return null;
  const { text, failures = [] } = shown;
  const failed = failures.length > 0;
  return (
    <div class="toast" key={text}>
      <span>{failed ? `Failed for ${sentencesOf(failures)}` : text}</span>
      {canUndo.value ? (
        <button type="button" class="link" onClick={undo} onFocus={keep} onPointerEnter={keep}>
          Undo
        </button>
      ) : null}
      {failed ? (
        <button
          type="button"
          class="link"
          onClick={() => {
            message.value = undefined;
          }}
        >
          Close
        </button>
      ) : (
        <i class="countdown" aria-hidden="true" />
      )}
    </div>
  );
}

/** The confirmation of a deletion. Its first button, which has the focus, cancels. */
export function Confirmation() {
  const asked = question.value;
  if (!asked) return null;
  const { title, text, action, answer } = asked;
  return (
    <Dialog class="sheet" label={title} onClose={() => answer(false)}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          answer(true);
        }}
      >
        <h2>{title}</h2>
        <p>{text}</p>
        <div class="actions">
          <button type="button" class="button first" onClick={() => answer(false)}>
            Cancel
          </button>
          <button type="submit" class="button primary danger">
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
