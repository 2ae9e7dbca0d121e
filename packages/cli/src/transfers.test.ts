import stringWidth from "string-width";
import { expect, test } from "vitest";
import { createTransfers } from "./transfers.ts";

const names = [
  "photo.jpg",
  "写真 とても長い名前のファイルです 2026 サンセット.jpg",
  "a\x1b[2J.png",
  "x".repeat(300),
];

test.each([40, 60, 80, 110, 250])("no line of progress is wider than a terminal of %i columns", (width) => {
  const transfers = createTransfers(names);
  transfers.all.forEach((transfer, index) => {
    transfer.state = index % 2 ? "processing" : "uploading";
    transfer.total = 999_400_000;
    transfer.sent = (999_400_000 / names.length) * index;
  });
  const lines = transfers.lines(width);
  expect(lines).toHaveLength(names.length + 1);
  for (const line of lines) expect(stringWidth(line), line).toBeLessThanOrEqual(width);
});

test("only what is under way has a line, and the last one counts the rest", () => {
  const transfers = createTransfers(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
  const states = ["ready", "failed", "uploading", "waiting"] as const;
  transfers.all.forEach((transfer, index) => {
    transfer.state = states[index] ?? "waiting";
  });
  const [active, total, ...rest] = transfers.lines(80);
  expect(active).toContain("c.jpg");
  expect(total).toContain("1 of 4 ready");
  expect(total).toContain("1 failed");
  expect(rest).toEqual([]);
});
