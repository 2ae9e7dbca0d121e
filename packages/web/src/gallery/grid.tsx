/**
 * The grid of images. Only rows in and near the window are in the document. The grid is one tab stop; arrow keys, Home
 * and End move between images.
 */
import { useComputed, useSignal } from "@preact/signals";
import {
  defaultRangeExtractor,
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
} from "@tanstack/virtual-core";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { remove, removeForGood } from "../deletion.ts";
import { transferOf } from "../upload/transfers.ts";
import { DateHere } from "./date-here.tsx";
import { type Frame, type Layout, layOut, neighbour } from "./layout.ts";
import { list, tiles } from "./list.ts";
import { clearSelection, isSelecting, selectAll, toggle } from "./selection.tsx";
import { isTrashed, isUnfinished } from "./tile.ts";
import { TileView } from "./tile-view.tsx";

/** Aspect ratio of an image whose size is not known yet, and of one that has no variants: it shows only a text. */
const ratioUnknown = 4 / 3;
const ratioOfNotice = 0.8;

/** Delay before rows outside of the window are rendered, so that the first screen loads first. */
const overscanAfterMs = 500;
const overscanRows = 1;

/** Distance that a focused row keeps from the window's edges: the page's head is sticky. */
const scrollPadding = { scrollPaddingStart: 140, scrollPaddingEnd: 32 };

/** Renders the images of the current list. Loads the next page before its end is reached. */
export function Grid() {
  const element = useRef<HTMLUListElement>(null);
  const width = useWidth(element);
  const computed = useComputed(() => {
    const sent = transferOf.value;
    const ratios = tiles.value.map((tile) => {
      if (!tile.src && !isUnfinished(tile)) return (isTrashed(tile) && tile.ratio) || ratioOfNotice;
      return tile.ratio ?? sent.get(tile.id)?.ratio.value ?? ratioUnknown;
    });
    return layOut(ratios, frameOf(width.value));
  });
  const [activeID, setActiveID] = useState<string | undefined>(undefined);
  const mustFocus = useRef(false);
  const [hasOverscan, setHasOverscan] = useState(false);

  const all = tiles.value;
  const layout = computed.value;
  const active = Math.max(0, activeID === undefined ? 0 : all.findIndex(({ id }) => id === activeID));
  const activeRow = layout.boxes[active]?.row;
  const virtualizer = useRows(element, layout, hasOverscan ? overscanRows : 0, activeRow);
  const rows = width.value > 0 ? virtualizer.getVirtualIndexes() : [];
  const { startIndex = 0, endIndex = 0 } = virtualizer.range ?? {};
  const isNearEnd = width.value > 0 && topOf(layout, endIndex) + 2 * innerHeight > layout.height;
  const isAtTop = startIndex === 0;

  useEffect(() => {
    if (isNearEnd && !list.value.error.peek()) void list.value.more();
  }, [isNearEnd, all.length, list.value]);

  useEffect(() => {
    if (hasOverscan || all.length === 0) return;
    const timer = setTimeout(() => setHasOverscan(true), overscanAfterMs);
    return () => clearTimeout(timer);
  }, [hasOverscan, all.length === 0]);

  useEffect(() => list.value.mayInsert(isAtTop), [isAtTop, list.value]);

  useLayoutEffect(() => {
    if (!mustFocus.current) return;
    mustFocus.current = false;
    element.current?.querySelector<HTMLElement>(`[data-index="${active}"]`)?.focus({ preventScroll: true });
    if (activeRow !== undefined) virtualizer.scrollToIndex(activeRow);
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const tile = all[active];
    if ((event.ctrlKey || event.metaKey) && event.key === "a") {
      event.preventDefault();
      selectAll();
    }
    if (event.altKey || event.ctrlKey || event.metaKey || !tile) return;
    if (event.key === "Escape") clearSelection();
    if (event.key === " ") {
      event.preventDefault();
      toggle(tile.id, { isRange: event.shiftKey });
    }
    if (event.key === "Delete")
      void (isTrashed(tile) ? removeForGood : remove)([{ id: tile.id, name: tile.label }]);
    const target =
      event.key === "Delete"
        ? active + (active + 1 < all.length ? 1 : -1)
        : targetOf(event.key, layout, active, all.length);
    const next = all[target];
    if (target === active || !next) return;
    event.preventDefault();
    mustFocus.current = true;
    setActiveID(next.id);
  };

  const top = isAtTop ? undefined : all[layout.rows[startIndex]?.first ?? 0];
  return (
    <>
      {top ? <DateHere tile={top} /> : null}
      <ul
        ref={element}
        class={isSelecting.value ? "grid selecting" : "grid"}
        aria-label="Images"
        aria-describedby="grid-keys"
        style={{ height: `${layout.height}px` }}
        onKeyDown={onKeyDown}
        onFocusIn={({ target }) => {
          const index = target instanceof HTMLElement ? Number(target.dataset.index ?? active) : active;
          setActiveID(all[index]?.id);
        }}
      >
        {rows.flatMap((row) => {
          const { first = 0, end = 0 } = layout.rows[row] ?? {};
          return all.slice(first, end).map((tile, i) => {
            const index = first + i;
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
          });
        })}
      </ul>
    </>
  );
}

/** A virtualizer of the layout's rows that scroll with the window. The row of the focused image is always rendered. */
function useRows(
  element: { current: HTMLElement | null },
  layout: Layout,
  overscan: number,
  activeRow: number | undefined,
) {
  const [, setUpdates] = useState(0);
  // A new function makes the virtualizer measure all rows again.
  const getItemKey = useMemo(() => (row: number) => row, [layout]);
  const grid = element.current;
  const options = {
    ...scrollPadding,
    count: layout.rows.length,
    overscan,
    getItemKey,
    scrollMargin: grid ? Math.round(grid.getBoundingClientRect().top + scrollY) : 0,
    getScrollElement: () => window,
    estimateSize: (row: number) => {
      const top = topOf(layout, row);
      return (row + 1 < layout.rows.length ? topOf(layout, row + 1) : layout.height) - top;
    },
    rangeExtractor: (range: Parameters<typeof defaultRangeExtractor>[0]) => {
      const rows = new Set(defaultRangeExtractor(range));
      if (activeRow !== undefined) rows.add(activeRow);
      return [...rows].sort((a, b) => a - b);
    },
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    onChange: () => setUpdates((count) => count + 1),
  };
  const [virtualizer] = useState(() => new Virtualizer<Window, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}

const topOf = ({ boxes, rows }: Layout, row: number) => boxes[rows[row]?.first ?? 0]?.top ?? 0;

/** The width of an element in whole CSS pixels; 0 before it is in the document. */
function useWidth(element: { current: HTMLElement | null }) {
  const width = useSignal(0);
  useLayoutEffect(() => {
    const observed = element.current;
    if (!observed) return;
    const measure = () => {
      width.value = Math.floor(observed.getBoundingClientRect().width);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(observed);
    return () => observer.disconnect();
  }, [element, width]);
  return width;
}

/** Larger windows get larger tiles as well as more of them. */
function frameOf(width: number): Frame {
  if (width < 600) return { width, rowHeight: 132, gap: 4 };
  if (width < 1400) return { width, rowHeight: 208, gap: 6 };
  if (width < 2200) return { width, rowHeight: 250, gap: 8 };
  return { width, rowHeight: 310, gap: 10 };
}

/** Returns the tile that a key moves to; the same tile for any other key. */
function targetOf(key: string, layout: Layout, tile: number, count: number): number {
  switch (key) {
    case "ArrowLeft":
      return Math.max(0, tile - 1);
    case "ArrowRight":
      return Math.min(count - 1, tile + 1);
    case "ArrowUp":
      return neighbour(layout, tile, -1);
    case "ArrowDown":
      return neighbour(layout, tile, 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return tile;
  }
}
