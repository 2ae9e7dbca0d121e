import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { expect, test } from "vitest";
import { openCheckpoint } from "./checkpoint.ts";
import { UsageError } from "./command.ts";

const Place = v.object({ next: v.number() });

test("a checkpoint that cannot be written names its file and the reason", async () => {
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  try {
    const file = join(folder, "missing", "export.json");
    const checkpoint = await openCheckpoint(file, { command: "export" }, Place);
    const saved = checkpoint.save({ next: 1 });
    await expect(saved).rejects.toThrow(UsageError);
    await expect(saved).rejects.toThrow(`The checkpoint ${file} cannot be written: ENOENT`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
