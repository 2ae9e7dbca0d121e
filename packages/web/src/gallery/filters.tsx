/** Filters of the gallery by status, words, tags, format and day, and its order. They are part of the URL, so that a filtered gallery can be shared. */
import type { Status } from "@image-pipeline/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../controls.tsx";
import { formatName, number } from "../format.ts";
import { compatible, type Filter, formats, sorts } from "../route.ts";
import { go, route } from "../router.ts";
import { TagField } from "../tag-field.tsx";
import { statusNames } from "../words.ts";
import { knownTags, list } from "./list.ts";
import { clearSelection, isSelecting } from "./selection.tsx";

const choices: readonly (Status | undefined)[] = [
  undefined,
  "ready",
  "processing",
  "pending",
  "rejected",
  "failed",
  "trashed",
];

const sortNames = {
  oldest: "Oldest first",
  taken: "Taken, newest first",
  "taken-oldest": "Taken, oldest first",
} satisfies Record<(typeof sorts)[number], string>;

/** Most tags that the page filters by: each makes a page cost more. */
const tagsMax = 5;

/** Pause in typing after which a search is sent. */
const typingMs = 350;

/** Changes the filter. Filters by words, tags, status or format leave the order of capture, which the API cannot combine. */
function set(change: Filter): void {
  const { filter } = route.peek();
  const looksUp = change.status ?? change.tags ?? change.q ?? change.format;
  const { sort, ...others } = { ...filter, ...change };
  const isKept = sort === "oldest" || change.sort || !looksUp;
  go({ filter: compatible({ ...others, ...(isKept ? { sort } : {}) }) }, { replace: true });
}

/** The filter bar. */
export function Filters() {
  const { filter } = route.value;
  const chosen = useRef<HTMLInputElement>(null);
  // On a phone the bar scrolls sideways: keeps the selected status visible.
  useEffect(() => chosen.current?.scrollIntoView({ block: "nearest", inline: "center" }), [filter.status]);
  const isFiltered = Object.keys(filter).some((name) => name !== "sort");
  const more = [...(filter.tags ?? []), filter.format, filter.from, filter.to, filter.sort].filter(
    Boolean,
  ).length;
  // The other filters are closed at first: fewer tab stops before the first image, and one row on a phone.
  const [isOpen, setOpen] = useState(more > 0);
  return (
    <search class="filters">
      <Search q={filter.q ?? ""} />
      <fieldset class="segments">
        <legend class="hidden-label">Status</legend>
        {choices.map((status) => (
          <label key={status}>
            <input
              type="radio"
              name="status"
              checked={filter.status === status}
              ref={filter.status === status ? chosen : undefined}
              onChange={() => set({ status })}
            />
            <span>{status === "trashed" ? "Trash" : status ? statusNames[status] : "All"}</span>
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        class="quiet"
        aria-expanded={isOpen}
        aria-controls="more-filters"
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="filter" /> {more > 0 ? `Filter & sort (${more})` : "Filter & sort"}
      </button>
      <button
        type="button"
        class="quiet touch"
        aria-pressed={isSelecting.value}
        onClick={() => {
          if (isSelecting.value) clearSelection();
          else isSelecting.value = true;
        }}
      >
        <Icon name="check" /> Select
      </button>
      {isFiltered ? (
        <button type="button" class="quiet" onClick={() => go({ filter: {} }, { replace: true })}>
          <Icon name="close" /> Clear
        </button>
      ) : null}
      <Total />
      {isOpen ? (
        <div id="more-filters">
          <label class="field">
            <span>Order</span>
            <select
              value={filter.sort ?? ""}
              onChange={({ currentTarget: { value } }) => set({ sort: sorts.find((sort) => sort === value) })}
            >
              <option value="">Newest first</option>
              {sorts.map((sort) => (
                <option key={sort} value={sort}>
                  {sortNames[sort]}
                </option>
              ))}
            </select>
          </label>
          <TagField tags={filter.tags ?? []} max={tagsMax} onChange={(tags) => set({ tags })} />
          <label class="field">
            <span>Format</span>
            <select
              value={filter.format ?? ""}
              onChange={({ currentTarget: { value } }) =>
                set({ format: formats.find((each) => each === value) })
              }
            >
              <option value="">Any</option>
              {formats.map((each) => (
                <option key={each} value={each}>
                  {formatName(each)}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>From</span>
            <input
              type="date"
              value={filter.from ?? ""}
              max={filter.to}
              onChange={({ currentTarget }) => set({ from: currentTarget.value })}
            />
          </label>
          <label class="field">
            <span>To</span>
            <input
              type="date"
              value={filter.to ?? ""}
              min={filter.from}
              onChange={({ currentTarget }) => set({ to: currentTarget.value })}
            />
          </label>
        </div>
      ) : null}
      <datalist id="known-tags">
        {knownTags.value.map((known) => (
          <option key={known} value={known} />
        ))}
      </datalist>
    </search>
  );
}

/** The search field. Searches while a person types, and at once with Enter. */
function Search({ q }: { q: string }) {
  const [text, setText] = useState(q);
  const sent = useRef(q);
  const send = () => {
    sent.current = text;
    set({ q: text });
  };
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(send, typingMs);
    return () => clearTimeout(timer);
  }, [text]);
  // Clear, Back and Forward change it as well.
  useEffect(() => {
    if (q === sent.current.trim()) return;
    sent.current = q;
    setText(q);
  }, [q]);
  return (
    <form
      class="sought"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <input
        type="search"
        aria-label="Search"
        placeholder="Search titles, file names and alternative texts"
        maxLength={200}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </form>
  );
}

/** The number of images that match the filter. */
function Total() {
  const total = list.value.total.value;
  if (!total || total.count === 0) return null;
  const shown = `${number(total.count)}${total.estimate ? "+" : ""}`;
  return (
    <p class="total" role="status">
      {total.count === 1 ? "1 image" : `${shown} images`}
    </p>
  );
}
