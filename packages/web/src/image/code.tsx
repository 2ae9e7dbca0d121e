/** The code that shows this image in an app, by kind of app. */
import type { Image } from "@image-pipeline/client/client";
import { signal } from "@preact/signals";
import { Copy } from "./copy.tsx";
import { snippetsOf } from "./snippets.ts";

/** The kind that was looked at last: who writes Swift wants Swift for the next image too. */
const chosen = signal("HTML");

export function Code({ image }: { image: Image }) {
  const snippets = snippetsOf(image);
  const index = Math.max(
    0,
    snippets.findIndex(({ name }) => name === chosen.value),
  );
  const snippet = snippets[index];
  if (!snippet) return null;
  return (
    <section aria-labelledby="code">
      <h3 id="code">Use it</h3>
      <div class="tabs">
        <div
          role="tablist"
          aria-labelledby="code"
          onKeyDown={(event) => {
            const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            const next = by && snippets[(index + by + snippets.length) % snippets.length];
            if (!next) return;
            chosen.value = next.name;
            const { currentTarget } = event;
            queueMicrotask(() =>
              currentTarget.querySelector<HTMLElement>(`[data-tab="${next.name}"]`)?.focus(),
            );
          }}
        >
          {snippets.map(({ name }) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              data-tab={name}
              aria-selected={name === snippet.name}
              aria-controls="snippet"
              tabIndex={name === snippet.name ? 0 : -1}
              onClick={() => {
                chosen.value = name;
              }}
            >
              {name}
            </button>
          ))}
        </div>
        <Copy text={snippet.text} label={`Copy the ${snippet.name}`} />
      </div>
      {/* It scrolls sideways, and so has to be reached with the keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be focusable */}
      <pre id="snippet" role="tabpanel" aria-labelledby={`tab-${snippet.name}`} tabIndex={0}>
        <code>{snippet.text}</code>
      </pre>
    </section>
  );
}
