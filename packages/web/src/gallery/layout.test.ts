import { describe, expect, test } from "vitest";
import { type Frame, layOut, neighbour } from "./layout.ts";

/** Aspect ratios from 0.2 to 5.2 that follow from a seed (a linear congruential generator). */
function ratiosOf(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return 0.2 + (state / 2 ** 32) ** 2 * 5;
  });
}

const frames: Frame[] = [
  { width: 296, rowHeight: 132, gap: 4 },
  { width: 1224, rowHeight: 208, gap: 6 },
  { width: 3740, rowHeight: 310, gap: 10 },
];

describe.each(frames)("rows of $width px", (frame) => {
  const ratios = ratiosOf(500, 20_261_123);
  const layout = layOut(ratios, frame);
  const rows = layout.rows.map(({ first, end }) => layout.boxes.slice(first, end));

  test("hold every image once, in order", () => {
    expect(layout.boxes).toHaveLength(ratios.length);
    expect(rows.flat()).toEqual(layout.boxes);
    for (const [index, boxes] of rows.entries()) expect(boxes.every(({ row }) => row === index)).toBe(true);
  });

  test("fill the width to the pixel, with equal gaps and no overlap; only the last may be shorter", () => {
    for (const boxes of rows) {
      expect(new Set(boxes.map(({ top, height }) => `${top} ${height}`)).size).toBe(1);
      expect(boxes[0]?.left).toBe(0);
      for (const [i, box] of boxes.slice(1).entries()) {
        const before = boxes[i];
        expect(box.left).toBe((before?.left ?? 0) + (before?.width ?? 0) + frame.gap);
      }
      const last = boxes.at(-1);
      const end = (last?.left ?? 0) + (last?.width ?? 0);
      if (boxes === rows.at(-1)) expect(end).toBeLessThanOrEqual(frame.width);
      else expect(end).toBe(frame.width);
    }
  });

  test("are at most twice as high as the target", () => {
    for (const { height } of layout.boxes) expect(height).toBeLessThanOrEqual(2 * frame.rowHeight);
  });

  test("follow each other with one gap between them, down to the height of the layout", () => {
    for (const [i, [box]] of rows.slice(1).entries()) {
      const before = rows[i]?.[0];
      expect(box?.top).toBe((before?.top ?? 0) + (before?.height ?? 0) + frame.gap);
    }
    const last = layout.boxes.at(-1);
    expect(layout.height).toBe((last?.top ?? 0) + (last?.height ?? 0));
  });

  test("do not change when more images follow, except for the last", () => {
    const longer = layOut([...ratios, ...ratiosOf(100, 7)], frame);
    const { first = 0 } = layout.rows.at(-1) ?? {};
    expect(longer.boxes.slice(0, first)).toEqual(layout.boxes.slice(0, first));
  });

  test("stay within the width whatever the last row holds", () => {
    for (let count = 1; count < 300; count++) {
      const { boxes } = layOut(ratiosOf(count, count), frame);
      expect(Math.max(...boxes.map(({ left, width }) => left + width))).toBeLessThanOrEqual(frame.width);
    }
  });
});

test("extreme ratios are cropped to between 1:2 and 3.2:1", () => {
  const { boxes } = layOut([0.01, 100, 0.01], { width: 5000, rowHeight: 200, gap: 6 });
  expect(boxes.map(({ width }) => width)).toEqual([100, 640, 100]);
});

test("no images and no width make an empty layout", () => {
  expect(layOut([], { width: 800, rowHeight: 200, gap: 6 })).toEqual({ boxes: [], rows: [], height: 0 });
  expect(layOut([1, 1], { width: 0, rowHeight: 200, gap: 6 }).boxes).toHaveLength(2);
});

test("the neighbour above and below is the tile at the middle of this one", () => {
  const layout = layOut(ratiosOf(300, 11), { width: 1000, rowHeight: 200, gap: 5 });
  for (const [tile, box] of layout.boxes.entries()) {
    for (const step of [-1, 1] as const) {
      const found = neighbour(layout, tile, step);
      const other = layout.boxes[found];
      if (!layout.rows[box.row + step]) {
        expect(found).toBe(tile);
        continue;
      }
      expect(other?.row).toBe(box.row + step);
      const middle = box.left + box.width / 2;
      const { end = 0 } = layout.rows[box.row + step] ?? {};
      // A middle within a gap belongs to the tile after it; one after the last tile belongs to the last.
      expect(other?.left).toBeLessThanOrEqual(middle + 5);
      if (found < end - 1) expect((other?.left ?? 0) + (other?.width ?? 0)).toBeGreaterThanOrEqual(middle);
    }
  }
});
