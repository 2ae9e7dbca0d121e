/** The dialog that adds images from URLs. The pipeline gets the files, so that their servers need not allow the browser to. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { forEach, sentencesOf } from "../bulk.ts";
import { Dialog } from "../controls.tsx";
import { publish } from "../live.ts";

/** Most URLs at once. */
const urlsMax = 50;

/**
 * Asks for URLs and imports them. Closes when all are accepted; the others stay in the field, with the reasons. `children`
 * are other ways to add images.
 */
export function URLDialog({
  text: given,
  onClose,
  children,
}: {
  text: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [text, setText] = useState(given);
  const [why, setWhy] = useState("");
  const [isSending, setSending] = useState(false);
  const urls = [...new Set(text.split(/\s+/).filter(Boolean))];

  const submit = async () => {
    const wrong = urls.filter((url) => !URL.canParse(url));
    if (wrong.length > 0)
      return setWhy(`Not a URL: ${wrong.slice(0, 3).join(", ")}. A URL begins with https://.`);
    if (urls.length > urlsMax) return setWhy(`${urls.length} URLs. Add at most ${urlsMax} at once.`);
    setWhy("");
    setSending(true);
    const failures = await forEach(
      urls.map((url) => ({ id: url, name: url })),
      async ({ id }) => publish(await api.images.importURL(id)),
    );
    setSending(false);
    if (failures.length === 0) return onClose();
    setText(failures.map(({ name }) => name).join("\n"));
    setWhy(sentencesOf(failures));
  };

  return (
    <Dialog class="sheet" label="Add images" onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          // `forEach` catches what is thrown.
          void submit();
        }}
      >
        <h2>Add images</h2>
        <label>
          URLs of images, one on each line
          <textarea
            rows={3}
            required
            spellcheck={false}
            autocapitalize="off"
            placeholder="https://example.com/photo.jpg"
            value={text}
            aria-invalid={why !== ""}
            aria-describedby="url-why"
            ref={(field) => {
              if (field && document.activeElement !== field && text === given) field.focus();
            }}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <p id="url-why" class={why ? "why" : "hint"} role={why ? "alert" : undefined}>
          {why || "Of public servers. The server of this page gets the files."}
        </p>
        <div class="actions">
          <span class="others">{children}</span>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={urls.length === 0 || isSending}>
            {isSending ? "Adding" : urls.length > 1 ? `Add ${urls.length} images` : "Add"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
