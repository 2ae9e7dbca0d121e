/** Selected images, and the bar with the actions for them. */
import { ClientError, type Image } from "@image-pipeline/client";
import { effect, signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { type Failure, forEach, runEach, sentencesOf } from "../bulk.ts";
import { Icon, type IconName } from "../controls.tsx";
import { remove, removeForGood, restore } from "../deletion.ts";
import { number } from "../format.ts";
import { download } from "../image/download.ts";
import { publish } from "../live.ts";
import { route } from "../router.ts";
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

/** Number of tags that the API accepts for an image. */
const tagsMax = 20;

/** The bar of the selection; nothing outside of one. */
export function SelectionBar() {
  const [isTagging, setTagging] = useState(false);
  const [progress, setProgress] = useState("");
  if (!isSelecting.value) return null;
  // Images that were deleted meanwhile are no longer selected.
  const chosen = tiles.value
    .filter(({ id }) => selected.value.has(id))
    .map((tile) => ({ ...tile, name: tile.label }));
  const count = chosen.length;
  const isTrash = route.value.filter.status === "trashed";
  const visibility = chosen.every(({ isPrivate }) => isPrivate) ? "public" : "private";

  const run = async (name: string, each: (tile: Tile) => Promise<unknown>, width?: number) => {
    const onStart = (started: number) => setProgress(`${name} ${number(started)} of ${number(count)}`);
    report(await forEach(chosen, each, { width, onStart }));
  };
  const report = (failures: readonly Failure[]) =>
    setProgress(failures.length > 0 ? `Failed for ${sentencesOf(failures)}` : "");

  const actions: Action[] = isTrash
    ? [
        ["Restore", "again", () => void restore(chosen).then(clearSelection)],
        [
          "Delete permanently",
          "trash",
          () => void removeForGood(chosen).then((isRemoved) => isRemoved && clearSelection()),
        ],
      ]
    : [
        ["Tag", "tag", () => setTagging(true)],
        ["Download", "download", () => void run("Downloading", ({ id }) => download(id), 1)],
        [
          `Make ${visibility}`,
          "lock",
          () =>
            void runEach(
              chosen,
              (id) => ({ op: "update", id, changes: { visibility } }),
              (_, image) => image && publish(image),
            ).then(report),
        ],
        ["Delete", "trash", () => void remove(chosen).then((isRemoved) => isRemoved && clearSelection())],
      ];

  return (
    <section class="selection" aria-label="Selection">
      <strong role="status">{count === 0 ? "Select images" : `${number(count)} selected`}</strong>
      {progress ? (
        <span class="progress" role="status">
          {progress}
        </span>
      ) : null}
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
          <button type="button" class="quiet" disabled={count === tiles.value.length} onClick={selectAll}>
            <Icon name="check" /> <span>Select all</span>
          </button>
          {actions.map(([name, icon, act]) => (
            <button key={name} type="button" class="quiet" disabled={count === 0} title={name} onClick={act}>
              <Icon name={icon} /> <span>{name}</span>
            </button>
          ))}
        </>
      )}
      <button type="button" class="quiet" aria-label="End the selection" onClick={clearSelection}>
        <Icon name="close" />
      </button>
    </section>
  );
}

/** A button of the bar. */
type Action = [name: string, icon: IconName, act: () => void];

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
