/**
 * The grid. Only the rows in and near the window are in the document, so that a hundred thousand images scroll like
 * a hundred. One stop for the Tab key; the arrows lead from image to image.
 */
import { useComputed } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { remove } from "../removal.ts";
import { transferOf } from "../upload/transfers.ts";
import { list, tiles } from "./current.ts";
import { beside, type Done, type Frame, type Layout, layOut, rowOf, within } from "./rows.ts";
import { TileView } from "./tile-view.tsx";
import { useWindow } from "./window.ts";

/** Where the shape of a picture is not known. */
const ratioUnknown = 4 / 3;

/** How long the first screen of all has before the rows above and below it are drawn too. */
const lookAheadAfterMs = 500;

export function Grid() {
  const element = useRef<HTMLUListElement>(null);
  const seen = useWindow(element);
  const done = useRef<Done | undefined>(undefined);
  // By itself: the layout has nothing to do with how far somebody has scrolled.
  const frameWidth = useComputed(() => seen.value.width);
  const laidOut = useComputed(() => {
    const sent = transferOf.value;
    const ratios = tiles.value.map(({ id, ratio }) => ratio ?? sent.get(id)?.ratio.value ?? ratioUnknown);
    const frame = frameOf(frameWidth.value);
    const layout = layOut(ratios, frame, done.current);
    done.current = { ratios, frame, layout };
    return layout;
  });
  const [activeID, setActiveID] = useState<string | undefined>(undefined);
  const mustFocus = useRef(false);
  const [mayLookAhead, setMayLookAhead] = useState(false);

  const all = tiles.value;
  const layout = laidOut.value;
  const { top, bottom, width } = seen.value;
  const windowHeight = bottom - top;
  const margin = mayLookAhead ? windowHeight / 2 : 0;
  const { first, end } = within(layout, top - margin, bottom + margin);
  const found = activeID === undefined ? 0 : all.findIndex(({ id }) => id === activeID);
  const active = Math.max(0, found);
  const isNearEnd = width > 0 && bottom + 2 * windowHeight > layout.height;
  const isAtTop = top < windowHeight / 4;

  useEffect(() => {
    if (isNearEnd && !list.value.error.peek()) void list.value.more();
  }, [isNearEnd, all.length, list.value]);

  // What is seen first has the processor and the network for itself.
  useEffect(() => {
    if (mayLookAhead || all.length === 0) return;
    const timer = setTimeout(() => setMayLookAhead(true), lookAheadAfterMs);
    return () => clearTimeout(timer);
  }, [mayLookAhead, all.length === 0]);

  useEffect(() => list.value.mayInsert(isAtTop), [isAtTop, list.value]);

  useLayoutEffect(() => {
    if (!mustFocus.current) return;
    mustFocus.current = false;
    focus(element.current, active);
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const tile = all[active];
    if (event.altKey || event.ctrlKey || event.metaKey || !tile) return;
    if (event.key === "Delete") remove(tile.id, tile.label);
    const target =
      event.key === "Delete"
        ? active + (active + 1 < all.length ? 1 : -1)
        : targetOf(event.key, layout, active, all.length);
    const next = all[target];
    if (target === active || !next) return;
    event.preventDefault();
    mustFocus.current = true;
    setActiveID(next.id);
    bringIntoView(element.current, layout, target);
  };

  const shown = all.slice(first, end).map((tile, i) => ({ tile, index: first + i }));
  // Whatever has the focus stays in the document, or the focus would be lost.
  const away = all[active];
  if (away && (active < first || active >= end)) shown.push({ tile: away, index: active });

  return (
    <ul
      ref={element}
      class="grid"
      aria-label="Images, newest first"
      aria-describedby="grid-keys"
      style={{ height: `${layout.height}px` }}
      onKeyDown={onKeyDown}
      onFocusIn={({ target }) => {
        const index = target instanceof HTMLElement ? Number(target.dataset.index ?? active) : active;
        setActiveID(all[index]?.id);
      }}
    >
      {shown.map(({ tile, index }) => {
        const box = layout.boxes[index];
        return box ? (
          <TileView
            key={tile.id}
            tile={tile}
            box={box}
            index={index}
            count={list.value.isComplete.value ? all.length : -1}
            isActive={index === active}
          />
        ) : null;
      })}
    </ul>
  );
}

/** Larger windows get larger pictures as well as more of them. */
function frameOf(width: number): Frame {
  if (width < 600) return { width, rowHeight: 132, gap: 4 };
  if (width < 1400) return { width, rowHeight: 208, gap: 6 };
  if (width < 2200) return { width, rowHeight: 250, gap: 8 };
  return { width, rowHeight: 310, gap: 10 };
}

/** Where a key leads from a tile; the tile itself for any other key. */
function targetOf(key: string, layout: Layout, tile: number, count: number): number {
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, tile - 1);
    case "ArrowRight":
      return Math.min(count - 1, tile + 1);
    case "ArrowUp":
      return beside(layout, tile, -1);
    case "ArrowDown":
      return beside(layout, tile, 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return tile;
  }
}

/** Scrolls no further than it must for the whole of a tile's row to be seen, clear of the page's head. */
function bringIntoView(grid: HTMLElement | null, layout: Layout, tile: number) {
  const row = layout.rows[rowOf(layout, tile)];
  if (!grid || !row) return;
  const margin = { top: 140, bottom: 32 };
  const top = grid.getBoundingClientRect().top + row.y;
  const over = top - margin.top;
  const under = top + row.height + margin.bottom - innerHeight;
  if (over < 0) scrollBy({ top: over, behavior: "instant" });
  else if (under > 0) scrollBy({ top: under, behavior: "instant" });
}

function focus(grid: HTMLElement | null, index: number) {
  grid?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true });
}
