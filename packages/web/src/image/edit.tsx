/** Changes to an image: the form for title, alternative text and tags, and the actions Reprocess and Delete. */
import { type Changes, type Image, isFinal } from "@image-pipeline/client/client";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../controls.tsx";
import { remove } from "../deletion.tsx";
import { publish } from "../live.ts";
import { format } from "../route.ts";
import { type Words, wordsOf } from "../words.ts";

/** Form for the description. Saves with `If-Match`, so that a concurrent change is not overwritten. */
export function Describe({ image }: { image: Image }) {
  /** Version that the form was filled from: older than `image` after a concurrent change. */
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
      publish(saved);
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
        // `save` shows its errors.
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
          placeholder="Describes the image for screen readers"
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

/** Maximum number of tags that the API accepts. */
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
          list="known-tags"
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onBlur={addTag}
          onKeyDown={(event) => {
            if (event.key !== "Enter" && event.key !== ",") return;
            // In an empty field Enter submits the form.
            if (text.trim()) event.preventDefault();
            addTag();
          }}
        />
      </label>
      {tags.length > 0 ? (
        <ul>
          {tags.map((tag) => (
            <li key={tag}>
              <a class="tag truncate" href={format({ page: "gallery", filter: { tag } })}>
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

/** Returns the changed fields; `null` for an emptied one. */
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

/** Buttons for Reprocess and Delete. */
export function Actions({ image, name, onRemoved }: { image: Image; name: string; onRemoved: () => void }) {
  const [error, setError] = useState<Words | undefined>(undefined);
  return (
    <section class="do" aria-label="Actions">
      <button
        type="button"
        class="button"
        disabled={!isFinal(image)}
        onClick={() => {
          setError(undefined);
          api.images.reprocess(image.id).then(publish, (cause) => setError(wordsOf(cause)));
        }}
      >
        <Icon name="again" /> Reprocess
      </button>
      <button
        type="button"
        class="button danger"
        onClick={() => {
          remove(image.id, name);
          onRemoved();
        }}
      >
        <Icon name="trash" /> Delete
      </button>
      {error ? (
        <p class="why" role="alert">
          {error.what} {error.help}
        </p>
      ) : null}
    </section>
  );
}
