/** Filters of the gallery by status, tag and day. They are part of the URL, so that a filtered gallery can be shared. */
import type { Status } from "@image-pipeline/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../controls.tsx";
import type { Filter } from "../route.ts";
import { go, route } from "../router.ts";
import { statusNames } from "../words.ts";
import { knownTags } from "./list.ts";
import { clearSelection, isSelecting } from "./selection.tsx";

const choices: readonly (Status | undefined)[] = [
  undefined,
  "ready",
  "processing",
  "pending",
  "rejected",
  "failed",
];

/** The filter bar. */
export function Filters() {
  const { filter } = route.value;
  const set = (change: Filter) => go({ filter: clean({ ...filter, ...change }) }, { replace: true });
  const chosen = useRef<HTMLInputElement>(null);
  // On a phone the bar scrolls sideways: keeps the selected status visible.
  useEffect(() => chosen.current?.scrollIntoView({ block: "nearest", inline: "center" }), [filter.status]);
  const isFiltered = Object.keys(filter).length > 0;
  const more = [filter.tag, filter.from, filter.to].filter(Boolean).length;
  // The other filters are closed at first: fewer tab stops before the first image, and one row on a phone.
  const [isOpen, setOpen] = useState(more > 0);
  return (
    <search class="filters">
      <fieldset class="segments">
        <legend class="hidden-label">Status</legend>
        {choices.map((status) => (
          <label key={status}>
            <input
              type="radio"
              name="status"
              checked={filter.status === status && (status !== undefined || !filter.tag)}
              ref={filter.status === status ? chosen : undefined}
              onChange={() => set({ status, tag: undefined })}
            />
            <span>{status ? statusNames[status] : "All"}</span>
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
        <Icon name="filter" /> {more > 0 ? `Filters (${more})` : "Filters"}
      </button>
      <button
        type="button"
        class="quiet"
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
      {isOpen ? (
        <div id="more-filters">
          <TagFilter key={filter.tag} tag={filter.tag} onChange={(tag) => set({ tag, status: undefined })} />
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

function TagFilter({ tag, onChange }: { tag?: string; onChange: (tag: string) => void }) {
  const [text, setText] = useState(tag ?? "");
  const submit = () => {
    if (text.trim() !== (tag ?? "")) onChange(text.trim());
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label class="field">
        <span>Tag</span>
        <input
          type="text"
          inputMode="search"
          placeholder="Any"
          list="known-tags"
          maxLength={64}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onBlur={submit}
        />
      </label>
    </form>
  );
}

const clean = (filter: Filter): Filter =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as Filter;
