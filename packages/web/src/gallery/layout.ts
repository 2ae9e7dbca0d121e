/** Justified rows: images keep their aspect ratio and each row fills the width of the page. */
import justifiedLayout from "justified-layout";

/** Position and size of a tile in whole CSS pixels; `row` is the index of its row. */
export type Box = { left: number; top: number; width: number; height: number; row: number };

/** `boxes` in the order of the ratios, `rows` as the half-open ranges of their boxes, from top to bottom. */
export type Layout = {
  boxes: readonly Box[];
  rows: readonly { first: number; end: number }[];
  height: number;
};

/** Width of the grid, the height that rows aim for and the gap between tiles, in CSS pixels. */
export type Frame = { width: number; rowHeight: number; gap: number };

/** Tiles are cropped beyond these ratios: a panorama makes its row too low, a screenshot of a chat too high. */
const ratioMin = 0.5;
const ratioMax = 3.2;

/** A row that is this much too short or too long is complete. Also keeps a last row with its gaps inside the width. */
const tolerance = 0.1;

/**
 * Lays out images by their aspect ratios (width over height). Rows do not change when more images follow, except for
 * the last one: it is not stretched, because more images may follow.
 */
export function layOut(ratios: readonly number[], { width, rowHeight, gap }: Frame): Layout {
  const clamped = ratios.map((ratio) => Math.min(Math.max(ratio, ratioMin), ratioMax));
  const options = {
    containerWidth: width,
    boxSpacing: gap,
    targetRowHeight: rowHeight,
    targetRowHeightTolerance: tolerance,
  };
  const full = justifiedLayout(clamped, { ...options, containerPadding: 0, showWidows: false });
  const top = full.boxes.length > 0 ? full.containerHeight + gap : 0;
  // On its own, because the library gives a last row the height of the row above, at which it may be too wide.
  const last = justifiedLayout(clamped.slice(full.boxes.length), {
    ...options,
    containerPadding: { top, right: 0, bottom: 0, left: 0 },
  });
  const boxes: Box[] = [];
  const rows: { first: number; end: number }[] = [];
  for (const box of [...full.boxes, ...last.boxes]) {
    const [left, top] = [Math.round(box.left), Math.round(box.top)];
    const current = rows.at(-1);
    const isSameRow = current && boxes[current.first]?.top === top;
    const row = isSameRow ? current : { first: boxes.length, end: boxes.length };
    if (!isSameRow) rows.push(row);
    row.end++;
    boxes.push({
      left,
      top,
      width: Math.max(1, Math.round(box.left + box.width) - left),
      height: Math.round(box.top + box.height) - top,
      row: rows.length - 1,
    });
  }
  const bottom = boxes.at(-1);
  return { boxes, rows, height: bottom ? bottom.top + bottom.height : 0 };
}

/** Returns the tile above (-1) or below (1) the middle of a tile, or the tile itself in the first or last row. */
export function neighbour({ boxes, rows }: Layout, tile: number, step: 1 | -1): number {
  const box = boxes[tile];
  const row = box && rows[box.row + step];
  if (!row) return tile;
  const middle = box.left + box.width / 2;
  const index = boxes.slice(row.first, row.end).findIndex(({ left, width }) => left + width >= middle);
  return index < 0 ? row.end - 1 : row.first + index;
}
