/** Selected images, and the bar with what can be done with them: tag, download, delete. */
import { ClientError, type Image } from "@image-pipeline/client";
import { effect, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../controls.tsx";
import { remove } from "../deletion.tsx";
import { number } from "../format.ts";
import { download } from "../image/download.ts";
import { publish } from "../live.ts";
import { route } from "../router.ts";
import { wordsOf } from "../words.ts";
import { tiles } from "./list.ts";
import type { Tile } from "./tile.ts";

/** True while a click on a tile selects it instead of opening it: on touch screens the checkboxes are hidden otherwise. */
export const isSelecting = signal(false);

/** Ids of the selected images. */
export const selected = signal<ReadonlySet<string>>(new Set());

/** Image from which Shift extends the selection. */
let anchor: string | undefined;

/** Selects or deselects an image; with `isRange`, all images from the last one that was selected to this one. */
export function toggle(id: string, { isRange = false } = {}): void {
  const next = new Set(selected.peek());
  const all = tiles.peek().map((tile) => tile.id);
  const [from, to] = [all.indexOf(anchor ?? ""), all.indexOf(id)].sort((a, b) => a - b);
  if (isRange && from !== undefined && from >= 0 && to !== undefined) {
    for (const between of all.slice(from, to + 1)) next.add(between);
  } else if (!next.delete(id)) next.add(id);
  anchor = id;
  selected.value = next;
  if (next.size > 0) isSelecting.value = true;
}

/** Selects all loaded images. */
export function selectAll(): void {
  selected.value = new Set(tiles.peek().map(({ id }) => id));
  isSelecting.value = true;
}

/** Ends the selection. */
export function clearSelection(): void {
  selected.value = new Set();
  isSelecting.value = false;
  anchor = undefined;
}

// Images of another list cannot be seen, and are not changed.
effect(() => {
  JSON.stringify([route.value.page, route.value.filter]);
  clearSelection();
});

/** Concurrent requests of a bulk change. */
const atOnce = 4;

/** Number of tags that the API accepts for an image. */
const tagsMax = 20;

/** The bar of the selection; nothing outside of one. */
export function SelectionBar() {
  const [isTagging, setTagging] = useState(false);
  const [progress, setProgress] = useState("");
  if (!isSelecting.value) return null;
  // Images that were deleted meanwhile are no longer selected.
  const chosen = tiles.value.filter(({ id }) => selected.value.has(id));
  const count = chosen.length;

  const run = async (name: string, each: (tile: Tile) => Promise<unknown>, width = atOnce) => {
    const line = [...chosen];
    let done = 0;
    let failed: unknown;
    const work = async () => {
      for (let tile = line.shift(); tile; tile = line.shift()) {
        setProgress(`${name} ${number(++done)} of ${number(count)}`);
        await each(tile).catch((cause) => {
          failed = cause;
        });
      }
    };
    await Promise.all(Array.from({ length: width }, work));
    setProgress(failed ? `${wordsOf(failed).what} Some images were left out.` : "");
  };

  return (
    <section class="selection" aria-label="Selection">
      <strong role="status">{count === 0 ? "Select images" : `${number(count)} selected`}</strong>
      {progress ? <span role="status">{progress}</span> : null}
      {isTagging ? (
        <TagForm
          onCancel={() => setTagging(false)}
          onTags={(tags) => {
            setTagging(false);
            void run("Tagging", (tile) => addTags(tile, tags));
          }}
        />
      ) : (
        <>
          <button type="button" class="quiet" disabled={count === 0} onClick={() => setTagging(true)}>
            <Icon name="tag" /> Tag
          </button>
          <button
            type="button"
            class="quiet"
            disabled={count === 0}
            onClick={() => void run("Downloading", ({ id }) => download(id), 1)}
          >
            <Icon name="download" /> Download
          </button>
          <button
            type="button"
            class="quiet"
            disabled={count === 0}
            onClick={() => {
              for (const { id, label } of chosen) remove(id, label);
              clearSelection();
            }}
          >
            <Icon name="trash" /> Delete
          </button>
        </>
      )}
      <button type="button" class="quiet" aria-label="End the selection" onClick={clearSelection}>
        <Icon name="close" />
      </button>
    </section>
  );
}

function TagForm({ onTags, onCancel }: { onTags: (tags: readonly string[]) => void; onCancel: () => void }) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const tags = text.split(",").flatMap((tag) => tag.trim() || []);
        if (tags.length > 0) onTags(tags);
      }}
    >
      <label>
        <span class="hidden-label">Tags to add, separated by commas</span>
        <input
          type="text"
          list="known-tags"
          placeholder="Tags, separated by commas"
          value={text}
          ref={(input) => input?.focus()}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onKeyDown={({ key }) => {
            if (key === "Escape") onCancel();
          }}
        />
      </label>
      <button type="submit" class="button primary" disabled={!text.trim()}>
        Add
      </button>
    </form>
  );
}

/** Adds tags to an image, on top of a concurrent change. */
async function addTags(tile: Pick<Tile, "id" | "tags" | "version">, added: readonly string[]): Promise<void> {
  const tags = [...new Set([...tile.tags, ...added])].slice(0, tagsMax);
  if (tags.length === tile.tags.length) return;
  try {
    publish(await api.images.update(tile.id, { tags }, { version: tile.version }));
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "version_conflict") throw error;
    const { id, tags: current = [], version }: Image = await api.images.get(tile.id);
    await addTags({ id, tags: current, version }, added);
  }
}
