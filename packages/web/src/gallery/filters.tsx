/** Which images are shown: by how far they are, by tag, by day. The filter stands in the address, to be kept and passed on. */
import type { Status } from "@image-pipeline/client/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { go, route } from "../address.ts";
import { Icon } from "../icons.tsx";
import type { Filter } from "../route.ts";
import { tagsSeen } from "./current.ts";

const choices: readonly [Status | undefined, string][] = [
  [undefined, "All"],
  ["ready", "Ready"],
  ["processing", "Processing"],
  ["pending", "Announced"],
  ["rejected", "Refused"],
  ["failed", "Failed"],
];

export function Filters() {
  const { filter } = route.value;
  const set = (change: Filter) => go({ filter: clean({ ...filter, ...change }) }, { replace: true });
  const chosen = useRef<HTMLInputElement>(null);
  // On a phone the row is longer than the screen: what is chosen must be seen.
  useEffect(() => chosen.current?.scrollIntoView({ block: "nearest", inline: "center" }), [filter.status]);
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <search class="filters">
      <fieldset class="segments">
        <legend class="hidden-label">Status</legend>
        {choices.map(([status, name]) => (
          <label key={name}>
            <input
              type="radio"
              name="status"
              checked={filter.status === status && (status !== undefined || !filter.tag)}
              ref={filter.status === status ? chosen : undefined}
              onChange={() => set({ status, tag: undefined })}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
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
      {isFiltered ? (
        <button type="button" class="quiet" onClick={() => go({ filter: {} }, { replace: true })}>
          <Icon name="close" /> Clear
        </button>
      ) : null}
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
          list="tags-seen"
          maxLength={64}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
          onBlur={submit}
        />
      </label>
      <datalist id="tags-seen">
        {tagsSeen.value.map((seen) => (
          <option key={seen} value={seen} />
        ))}
      </datalist>
    </form>
  );
}

const clean = (filter: Filter): Filter =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as Filter;
