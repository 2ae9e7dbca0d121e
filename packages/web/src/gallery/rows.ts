/** Justified rows: every picture in its own shape, every row as wide as the page. Pure, so that nothing ever jumps. */

/** Where a tile lies, in whole CSS pixels. */
export type Box = { x: number; y: number; width: number; height: number };

export type Row = { first: number; count: number; y: number; height: number };

/** `boxes` are in the order of the ratios; `rows` from top to bottom. */
export type Layout = { boxes: readonly Box[]; rows: readonly Row[]; height: number };

export type Frame = {
  width: number;
  /** The height that rows come as close to as their pictures let them. */
  rowHeight: number;
  gap: number;
};

/** Beyond these a picture is cropped: a panorama would make its row a ribbon, a screenshot of a chat would fill the screen. */
const ratioMin = 0.5;
const ratioMax = 3.2;

/** What was laid out, and how. */
export type Done = { ratios: readonly number[]; frame: Frame; layout: Layout };

/**
 * Lays pictures of these ratios (width over height) out. A row ends where its height is closest to the wanted one.
 * The last row is not stretched unless it is nearly full, because more may follow. What `before` says of the pictures
 * up to the first that is new or another is not worked out again.
 */
export function layOut(ratios: readonly number[], frame: Frame, before?: Done): Layout {
  const { width, rowHeight, gap } = frame;
  const kept = before ? rowsLike(before, ratios, frame) : 0;
  if (before && kept === before.layout.rows.length && ratios.length === before.ratios.length)
    return before.layout;
  const rows = before?.layout.rows.slice(0, kept) ?? [];
  const start = nextOf(rows, gap);
  const boxes = before?.layout.boxes.slice(0, start.first) ?? [];
  let { y } = start;
  for (let { first } = start; first < ratios.length; ) {
    let sum = 0;
    let end = first;
    let height = Number.POSITIVE_INFINITY;
    while (end < ratios.length) {
      const next = sum + clamp(ratios[end] ?? 1);
      const nextHeight = heightOf(next, end - first, width, gap);
      if (height <= rowHeight * 1.5 && rowHeight - nextHeight > height - rowHeight) break;
      sum = next;
      height = nextHeight;
      end++;
      if (height <= rowHeight) break;
    }
    const isFull = height <= rowHeight * (end < ratios.length ? 1.5 : 1.15);
    const rowPixels = Math.round(isFull ? height : Math.min(rowHeight, height));
    const count = end - first;
    let x = 0;
    for (let i = first; i < end; i++) {
      const isLast = i === end - 1;
      // The row's last picture takes what rounding left over.
      const tileWidth =
        isFull && isLast ? width - x : Math.round(clamp(ratios[i] ?? 1) * (isFull ? height : rowPixels));
      boxes.push({ x, y, width: Math.max(1, Math.min(tileWidth, width - x)), height: rowPixels });
      x += tileWidth + gap;
    }
    rows.push({ first, count, y, height: rowPixels });
    y += rowPixels + gap;
    first = end;
  }
  return { boxes, rows, height: Math.max(0, y - gap) };
}

/** How many of the rows stay as they were: all whose pictures, and the one that follows, are the same. */
function rowsLike({ ratios, frame, layout }: Done, next: readonly number[], wanted: Frame): number {
  if (frame.width !== wanted.width || frame.rowHeight !== wanted.rowHeight || frame.gap !== wanted.gap)
    return 0;
  let same = 0;
  while (same < ratios.length && ratios[same] === next[same]) same++;
  if (same === ratios.length && same === next.length) return layout.rows.length;
  return search(layout.rows, ({ first, count }) => first + count >= same);
}

/** Where the row after these begins. */
function nextOf(rows: readonly Row[], gap: number): { first: number; y: number } {
  const last = rows.at(-1);
  return last ? { first: last.first + last.count, y: last.y + last.height + gap } : { first: 0, y: 0 };
}

/** The tiles whose rows lie between two heights: from `first`, up to and without `end`. */
export function within({ rows }: Layout, top: number, bottom: number): { first: number; end: number } {
  const from = rows[search(rows, (row) => row.y + row.height > top)];
  const to = rows[search(rows, (row) => row.y >= bottom) - 1];
  if (!from || !to) return { first: 0, end: 0 };
  return { first: from.first, end: Math.max(from.first, to.first + to.count) };
}

/** The row that a tile is in. */
export function rowOf({ rows }: Layout, tile: number): number {
  return search(rows, (row) => row.first + row.count > tile);
}

/** The tile of another row that lies under or over the middle of this one; itself where there is no such row. */
export function beside(layout: Layout, tile: number, step: 1 | -1): number {
  const row = layout.rows[rowOf(layout, tile) + step];
  const box = layout.boxes[tile];
  if (!row || !box) return tile;
  const middle = box.x + box.width / 2;
  const inRow = layout.boxes.slice(row.first, row.first + row.count);
  const index = inRow.findIndex(({ x, width }) => x + width >= middle);
  return row.first + (index < 0 ? row.count - 1 : index);
}

/** The first index for which `is` holds, which holds for all after it. */
function search<T>(items: readonly T[], is: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && is(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const heightOf = (ratios: number, gaps: number, width: number, gap: number) => (width - gaps * gap) / ratios;

const clamp = (ratio: number) => Math.min(Math.max(ratio, ratioMin), ratioMax);
