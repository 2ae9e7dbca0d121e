import { describe, expect, test } from "vitest";
import { beside, type Frame, layOut, rowOf, within } from "./rows.ts";

/** Shapes of pictures that follow from a seed (a linear congruential generator). */
function shapes(count: number, seed: number): number[] {
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
  const ratios = shapes(500, 20_261_123);
  const layout = layOut(ratios, frame);
  const boxesOf = ({ first, count }: { first: number; count: number }) =>
    layout.boxes.slice(first, first + count);

  test("hold every picture once, in order", () => {
    expect(layout.boxes).toHaveLength(ratios.length);
    expect(
      layout.rows.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)),
    ).toEqual(ratios.map((_, index) => index));
  });

  test("fill the width to the pixel, with equal gaps and no overlap; only the last may be shorter", () => {
    for (const row of layout.rows) {
      const boxes = boxesOf(row);
      expect(boxes.every(({ y, height }) => y === row.y && height === row.height)).toBe(true);
      boxes.slice(1).forEach((box, i) => {
        const before = boxes[i];
        expect(box.x).toBe((before?.x ?? 0) + (before?.width ?? 0) + frame.gap);
      });
      const last = boxes.at(-1);
      const end = (last?.x ?? 0) + (last?.width ?? 0);
      if (row === layout.rows.at(-1)) expect(end).toBeLessThanOrEqual(frame.width);
      else expect(end).toBe(frame.width);
    }
  });

  test("are never higher than one and a half times what was wanted", () => {
    for (const { height } of layout.rows)
      expect(height).toBeLessThanOrEqual(Math.round(frame.rowHeight * 1.5));
  });

  test("lie under one another with one gap between them", () => {
    layout.rows.slice(1).forEach((row, i) => {
      const before = layout.rows[i];
      expect(row.y).toBe((before?.y ?? 0) + (before?.height ?? 0) + frame.gap);
    });
  });

  test("stay where they are when more pictures follow, all but the last", () => {
    const longer = layOut([...ratios, ...shapes(100, 7)], frame);
    expect(longer.rows.slice(0, layout.rows.length - 1)).toEqual(layout.rows.slice(0, -1));
  });

  test.each([
    { what: "none", change: (all: number[]) => all },
    { what: "more at the end", change: (all: number[]) => [...all, ...shapes(100, 7)] },
    { what: "fewer at the end", change: (all: number[]) => all.slice(0, -3) },
    { what: "one more at the start", change: (all: number[]) => [1.5, ...all] },
    { what: "one of another shape", change: (all: number[]) => all.with(250, 3) },
    { what: "all gone", change: () => [] },
  ])("are the same from an older layout as from nothing, of what has changed: $what", ({ change }) => {
    const next = change(ratios);
    for (const from of frames) {
      const before = { ratios, frame: from, layout: layOut(ratios, from) };
      expect(layOut(next, frame, before)).toEqual(layOut(next, frame));
    }
  });

  test("that are kept are not made again", () => {
    const next = layOut([...ratios, 1, 1], frame, { ratios, frame, layout });
    expect(next.boxes.findIndex((box, i) => box !== layout.boxes[i])).toBe(layout.rows.at(-1)?.first);
    expect(layOut([...ratios], frame, { ratios, frame, layout })).toBe(layout);
  });
});

test("a hundred thousand pictures are laid out within a second", () => {
  const ratios = shapes(100_000, 3);
  const began = performance.now();
  layOut(ratios, { width: 1224, rowHeight: 208, gap: 6 });
  // About 15 ms of work; the bound leaves room for a machine that does other things.
  expect(performance.now() - began).toBeLessThan(1000);
});

test("nothing takes no room, and a page without a width shows nothing", () => {
  expect(layOut([], { width: 800, rowHeight: 200, gap: 6 })).toEqual({ boxes: [], rows: [], height: 0 });
  expect(layOut([1, 1], { width: 0, rowHeight: 200, gap: 6 }).boxes).toHaveLength(2);
});

describe("a window onto the rows", () => {
  const layout = layOut(shapes(300, 11), { width: 1000, rowHeight: 200, gap: 5 });

  test("shows whole rows: all that it touches and no other", () => {
    for (let top = -500; top < layout.height + 500; top += 137) {
      const { first, end } = within(layout, top, top + 600);
      const touched = layout.rows.filter(({ y, height }) => y + height > top && y < top + 600);
      expect([first, end]).toEqual(
        touched.length > 0
          ? [touched[0]?.first, (touched.at(-1)?.first ?? 0) + (touched.at(-1)?.count ?? 0)]
          : [0, 0],
      );
    }
  });

  test("finds the row of every picture", () => {
    layout.rows.forEach(({ first, count }, row) => {
      for (let tile = first; tile < first + count; tile++) expect(rowOf(layout, tile)).toBe(row);
    });
  });

  test("knows what lies under and over a picture: what its middle touches", () => {
    for (let tile = 0; tile < 250; tile++) {
      const box = layout.boxes[tile];
      const below = layout.boxes[beside(layout, tile, 1)];
      if (!box || !below || below === box) continue;
      const middle = box.x + box.width / 2;
      expect(rowOf(layout, beside(layout, tile, 1))).toBe(rowOf(layout, tile) + 1);
      // A middle over a gap belongs to what follows.
      expect(below.x).toBeLessThanOrEqual(middle + 5);
    }
    expect(beside(layout, 0, -1)).toBe(0);
    expect(beside(layout, 299, 1)).toBe(299);
  });
});
