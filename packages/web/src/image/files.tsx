/** Files of an image: its variants with their URLs, and code that shows them in an app. */
import type { Image } from "@image-pipeline/client";
import { signal } from "@preact/signals";
import { Copy } from "../controls.tsx";
import { bytes, formatName } from "../format.ts";
import { snippetsOf } from "./snippets.ts";

/** Table of the variants. */
export function Variants({ image }: { image: Image }) {
  const variants = Object.entries(image.variants ?? {}).flatMap(([name, variant]) =>
    variant ? [{ name, ...variant }] : [],
  );
  if (variants.length === 0) return null;
  const formats = new Set(variants.map(({ format }) => format));
  const [only] = formats.size === 1 ? formats : [];
  return (
    <section aria-labelledby="variants">
      <h3 id="variants">Variants{only ? `, ${formatName(only)}` : ""}</h3>
      <table class="variants">
        <thead class="hidden-label">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Pixels</th>
            <th scope="col">Bytes</th>
            <th scope="col">URL</th>
          </tr>
        </thead>
        <tbody>
          {variants.map(({ name, url, width, height, format, bytes: count }) => (
            <tr key={name}>
              <th scope="row">
                <a href={url} target="_blank" rel="noreferrer">
                  {name}
                </a>
              </th>
              <td>
                {width} × {height}
              </td>
              <td>
                {count === undefined ? "lazy" : bytes(count)}
                {only ? "" : ` ${formatName(format)}`}
              </td>
              <td>
                <Copy text={url} label={`Copy the URL of ${name}`} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Name of the selected snippet, kept for the next image. */
const selected = signal("HTML");

/** Tabs with a snippet for each platform. */
export function Code({ image }: { image: Image }) {
  const snippets = snippetsOf(image);
  const index = Math.max(
    0,
    snippets.findIndex(({ name }) => name === selected.value),
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
            selected.value = next.name;
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
                selected.value = name;
              }}
            >
              {name}
            </button>
          ))}
        </div>
        <Copy text={snippet.text} label={`Copy the ${snippet.name}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be focusable */}
      <pre id="snippet" role="tabpanel" aria-labelledby={`tab-${snippet.name}`} tabIndex={0}>
        <code>{snippet.text}</code>
      </pre>
    </section>
  );
}
