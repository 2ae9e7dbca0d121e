/** Changes to an image: the form for title, alternative text and tags, and the actions Reprocess and Delete. */
import { type Image, isFinal } from "@image-pipeline/client";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../controls.tsx";
import { remove, removeForGood, removeNow, restore } from "../deletion.ts";
import { isTrashed } from "../gallery/tile.ts";
import { publish } from "../live.ts";
import { TagField } from "../tag-field.tsx";
import { PickAgain } from "../upload/input.tsx";
import { isInterrupted } from "../upload/interrupted.ts";
import { type Words, wordsOf } from "../words.ts";
import { download } from "./download.ts";
import { descriptionOf, discard, drafts, edit, save, savedID } from "./draft.ts";
import { Focus, placeOf } from "./focus.tsx";

/** Maximum number of tags that the API accepts. */
const tagsMax = 20;

/** Form for the description. Each field is saved when it loses the focus, and when the dialog is closed. */
export function Describe({ image }: { image: Image }) {
  const { id } = image;
  const draft = drafts.value.get(id);
  const { title, alt, tags } = draft?.given ?? descriptionOf(image);
  // Saves when the form is closed, or shows another image.
  useEffect(() => () => void save(id), [id]);
  return (
    <form
      class="describe"
      aria-label="Description"
      onSubmit={(event) => {
        event.preventDefault();
        void save(id);
      }}
      onFocusOut={() => void save(id)}
    >
      <label>
        Title
        <input
          type="text"
          maxLength={200}
          value={title}
          placeholder={image.filename}
          onInput={({ currentTarget }) => edit(image, { title: currentTarget.value })}
        />
      </label>
      <label>
        Alternative text
        <textarea
          rows={2}
          maxLength={1000}
          value={alt}
          placeholder="Describes the image for screen readers"
          onInput={({ currentTarget }) => edit(image, { alt: currentTarget.value })}
        />
      </label>
      <TagField
        tags={tags}
        max={tagsMax}
        onChange={(next) => {
          edit(image, { tags: next });
          void save(id);
        }}
      />
      <Focus image={image} />
      {draft?.other ? <Conflict other={draft.other} /> : null}
      {draft?.error && !draft.other ? (
        <p class="why" role="alert">
          Not saved. {draft.error.what} {draft.error.help}
          <span class="actions">
            <button type="button" class="button" onClick={() => discard(id)}>
              Discard changes
            </button>
            <button type="submit" class="button primary">
              Save again
            </button>
          </span>
        </p>
      ) : null}
      <p class="saved" role="status">
        {draft?.isSaving ? "Saving" : !draft && savedID.value === id ? "Saved" : ""}
      </p>
    </form>
  );
}

/** Shows the version that another person saved in the meantime, and offers to keep either. */
function Conflict({ other }: { other: Image }) {
  const { title, alt, tags, focus } = descriptionOf(other);
  return (
    <section class="conflict" role="alert">
      <strong>Changed elsewhere in the meantime.</strong>
      <dl class="facts">
        {[
          ["Title", title],
          ["Alternative text", alt],
          ["Tags", tags.join(", ")],
          ["Focal point", placeOf(focus)],
        ].map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value || "none"}</dd>
          </div>
        ))}
      </dl>
      <span class="actions">
        <button type="button" class="button" onClick={() => discard(other.id)}>
          Reload
        </button>
        <button type="button" class="button primary" onClick={() => void save(other.id, { force: true })}>
          Save anyway
        </button>
      </span>
    </section>
  );
}

/** Buttons for Reprocess (or Choose the file again), the visibility, Download and Delete. */
export function Actions({ image, name, onRemoved }: { image: Image; name: string; onRemoved: () => void }) {
  const [error, setError] = useState<Words | undefined>(undefined);
  const other = image.visibility === "private" ? "public" : "private";
  if (isTrashed(image)) return <TrashActions image={image} name={name} onRemoved={onRemoved} />;
  // An import that failed has no bytes.
  const hasBytes = image.source.bytes !== undefined || !image.source.url;
  return (
    <section class="do" aria-label="Actions">
      {isInterrupted(image) ? (
        <PickAgain
          onAdded={() => {
            void removeNow(image.id);
            onRemoved();
          }}
        />
      ) : (
        <button
          type="button"
          class="button"
          disabled={!isFinal(image) || !hasBytes}
          onClick={() => {
            setError(undefined);
            api.images.reprocess(image.id).then(publish, (cause) => setError(wordsOf(cause)));
          }}
        >
          <Icon name="again" /> Reprocess
        </button>
      )}
      <button
        type="button"
        class="button"
        disabled={!isFinal(image)}
        onClick={() => {
          setError(undefined);
          api.images
            .update(image.id, { visibility: other })
            .then(publish, (cause) => setError(wordsOf(cause)));
        }}
      >
        Make {other}
      </button>
      {isFinal(image) && image.source.bytes !== undefined ? (
        <button
          type="button"
          class="button"
          onClick={() => {
            setError(undefined);
            download(image.id).catch((cause) => setError(wordsOf(cause)));
          }}
        >
          <Icon name="download" /> Download original
        </button>
      ) : null}
      <button
        type="button"
        class="button danger"
        onClick={() => {
          void remove([{ id: image.id, name }]).then((isRemoved) => isRemoved && onRemoved());
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

/** Buttons of an image in the trash. */
function TrashActions({ image, name, onRemoved }: { image: Image; name: string; onRemoved: () => void }) {
  const { id } = image;
  return (
    <section class="do" aria-label="Actions">
      <button type="button" class="button primary" onClick={() => void restore([{ id, name }])}>
        <Icon name="again" /> Restore
      </button>
      <button
        type="button"
        class="button danger"
        onClick={() => void removeForGood([{ id, name }]).then((isRemoved) => isRemoved && onRemoved())}
      >
        <Icon name="trash" /> Delete permanently
      </button>
    </section>
  );
}
