/** What was just deleted and can still be brought back. */
import { useEffect } from "preact/hooks";
import { doomed, hold, removalError, undo } from "./removal.ts";

export function Toasts() {
  const names = [...doomed.value.values()].map(({ name }) => name);
  const error = removalError.value;
  useEffect(() => {
    const hear = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && !isTyping && doomed.peek().size > 0)
        undo();
    };
    addEventListener("keydown", hear);
    return () => removeEventListener("keydown", hear);
  }, []);
  return (
    <div class="toasts" role="status">
      {names.length > 0 ? (
        <div class="toast">
          <span>{names.length === 1 ? `Deleted ${names[0]}` : `Deleted ${names.length} images`}</span>
          <button type="button" class="link" onClick={undo} onFocus={hold} onPointerEnter={hold}>
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
              removalError.value = undefined;
            }}
          >
            Close
          </button>
        </div>
      ) : null}
    </div>
  );
}
