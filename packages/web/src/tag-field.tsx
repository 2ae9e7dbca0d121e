/** The field for tags: of an image, and of the gallery's filter. */
import { useState } from "preact/hooks";
import { Icon } from "./controls.tsx";
import { format } from "./route.ts";

/** A field to which tags are added by Enter, a comma or by leaving it, with the tags below it. At most `max`. */
export function TagField({
  tags,
  max,
  onChange,
}: {
  tags: readonly string[];
  max: number;
  onChange: (tags: readonly string[]) => void;
}) {
  const [text, setText] = useState("");
  const addTags = (given: string) => {
    const fresh = given.split(",").map((tag) => tag.trim());
    const next = [...new Set([...tags, ...fresh])].filter(Boolean).slice(0, max);
    if (next.length > tags.length) onChange(next);
    setText("");
  };
  return (
    <div class="tags">
      <label>
        Tags
        <input
          type="text"
          maxLength={64}
          value={text}
          disabled={tags.length >= max}
          placeholder="Enter or a comma ends a tag"
          list="known-tags"
          onInput={({ currentTarget: { value } }) => (value.includes(",") ? addTags(value) : setText(value))}
          onBlur={() => addTags(text)}
          onKeyDown={(event) => {
            // In an empty field Enter submits the form.
            if (event.key !== "Enter" || !text.trim()) return;
            event.preventDefault();
            addTags(text);
          }}
        />
      </label>
      {tags.length > 0 ? (
        <ul>
          {tags.map((tag) => (
            <li key={tag}>
              <a class="tag truncate" href={format({ page: "gallery", filter: { tags: [tag] } })}>
                {tag}
              </a>
              <button
                type="button"
                aria-label={`Remove the tag ${tag}`}
                onClick={() => onChange(tags.filter((other) => other !== tag))}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
