/** What people say of an image: title, alternative text and tags, to be changed in place. */
import type { Changes, Image } from "@image-pipeline/client/client";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../icons.tsx";
import { tell } from "../live.ts";
import { format } from "../route.ts";
import { type Words, wordsOf } from "../words.ts";

export function Describe({ image }: { image: Image }) {
  /** The image whose description is being changed: an older one, if somebody else changed it meanwhile. */
  const [base, setBase] = useState(image);
  const [given, setGiven] = useState(() => descriptionOf(image));
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<Words | undefined>(undefined);
  const { title, alt, tags } = given;
  const set = (change: Partial<Description>) => setGiven({ ...given, ...change });
  const changes = changesOf(descriptionOf(base), given);
  const isChanged = Object.keys(changes).length > 0;

  if (image.version > base.version) {
    const isSame = Object.keys(changesOf(descriptionOf(base), descriptionOf(image))).length === 0;
    if (isSame || !isChanged) setBase(image);
    if (!isSame && !isChanged) setGiven(descriptionOf(image));
  }

  const adopt = (next: Image) => {
    setBase(next);
    setGiven(descriptionOf(next));
    setError(undefined);
  };
  const save = async () => {
    setSaving(true);
    try {
      const saved = await api.images.update(image.id, changes, { version: base.version });
      adopt(saved);
      tell(saved);
    } catch (cause) {
      setError(wordsOf(cause));
    } finally {
      setSaving(false);
    }
  };

  return (
    <form
      class="describe"
      aria-label="Description"
      onSubmit={(event) => {
        event.preventDefault();
        // It shows its own errors.
        if (isChanged && !isSaving) void save();
      }}
    >
      <label>
        Title
        <input
          type="text"
          maxLength={200}
          value={title}
          placeholder={image.filename}
          onInput={({ currentTarget }) => set({ title: currentTarget.value })}
        />
      </label>
      <label>
        Alternative text
        <textarea
          rows={2}
          maxLength={1000}
          value={alt}
          placeholder="What the picture shows, for those who cannot see it"
          onInput={({ currentTarget }) => set({ alt: currentTarget.value })}
        />
      </label>
      <Tags tags={tags} onChange={(next) => set({ tags: next })} />
      {error ? (
        <p class="why" role="alert">
          {error.what} {error.help}
        </p>
      ) : null}
      {isChanged ? (
        <div class="actions">
          <button type="button" class="button" onClick={() => adopt(image)}>
            Revert
          </button>
          <button type="submit" class="button primary" disabled={isSaving}>
            {isSaving ? "Saving" : "Save"}
          </button>
        </div>
      ) : null}
    </form>
  );
}

/** As many as the API takes. */
const tagsMax = 20;

function Tags({ tags, onChange }: { tags: readonly string[]; onChange: (tags: readonly string[]) => void }) {
  const [text, setText] = useState("");
  const addTag = () => {
    const tag = text.trim();
    if (tag && !tags.includes(tag)) onChange([...tags, tag]);
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
          disabled={tags.length >= tagsMax}
          placeholder="Add one and press Enter"
          list="tags-seen"
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onBlur={addTag}
          onKeyDown={(event) => {
            if (event.key !== "Enter" && event.key !== ",") return;
            // An empty field lets Enter save the form.
            if (text.trim()) event.preventDefault();
            addTag();
          }}
        />
      </label>
      {tags.length > 0 ? (
        <ul>
          {tags.map((tag) => (
            <li key={tag}>
              <a class="tag" href={format({ page: "gallery", filter: { tag } })}>
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

type Description = { title: string; alt: string; tags: readonly string[] };

const descriptionOf = ({ title = "", alt = "", tags = [] }: Image): Description => ({ title, alt, tags });

/** What is different; what was emptied is taken away. */
function changesOf(before: Description, after: Description): Changes {
  const title = after.title.trim();
  const alt = after.alt.trim();
  const { tags } = after;
  const isSameTags = tags.length === before.tags.length && tags.every((tag, i) => tag === before.tags[i]);
  return {
    ...(title === before.title ? {} : { title: title || null }),
    ...(alt === before.alt ? {} : { alt: alt || null }),
    ...(isSameTags ? {} : { tags: tags.length > 0 ? [...tags] : null }),
  };
}
