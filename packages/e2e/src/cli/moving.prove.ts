import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@image-pipeline/client";
import { expect, test, vi } from "vitest";
import { dataDir, start as startMain } from "../local/main.fixture.ts";
import { jsonLines, run, start } from "./fixture.ts";
import { fill, seen } from "./moving.fixture.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

type Stage = Awaited<ReturnType<typeof startStage>>;
type Line = { done?: string; imported?: number; same?: number; conflicts?: number } & Record<string, unknown>;

/** An embedded cloud as a process, with its command line. */
async function startStage(name: string) {
  const folder = join(dataDir, name);
  const { url, s3Url } = await startMain({ DATA_DIR: folder, TRASH_DAYS: "1" });
  const environment = { DATA_DIR: folder, SST_RESOURCE_App: undefined };
  const images = createClient({ baseUrl: url });
  return { url, s3Url, environment, images };
}

const lineOf = (stage: Stage, command: string, place: string, ...more: string[]) => {
  const checkpoint = ["--checkpoint", join(dataDir, `${command}.checkpoint`)];
  const [from, yes] = command === "export" ? ["--to", []] : ["--from", ["--yes"]];
  return [[command, from, place, "--json", ...checkpoint, ...yes, ...more], stage.environment] as const;
};

async function move(stage: Stage, command: "export" | "import", place: string, ...more: string[]) {
  const { code, stdout, stderr } = await run(...lineOf(stage, command, place, ...more));
  expect(stderr).toBe("");
  const lines = jsonLines<Line>(stdout);
  return { code, lines, end: lines.find(({ done }) => done !== undefined) };
}

/** Runs a command, kills it once `isBegun`, and returns whether it was still running. */
async function kill(
  stage: Stage,
  command: "export" | "import",
  place: string,
  isBegun: () => Promise<boolean>,
) {
  const [child, result] = start(...lineOf(stage, command, place));
  while (child.exitCode === null && !(await isBegun())) await new Promise((done) => setTimeout(done, 5));
  const wasRunning = child.exitCode === null;
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  await result;
  return wasRunning;
}

const filesIn = (folder: string) => readdir(folder, { recursive: true }).catch(() => []);

test("moves every image with its id, version, files and history, after a kill of the export and of the import", async () => {
  const source = await startStage("source");
  await fill(source);
  const before = await seen(source);
  expect(before.all.length).toBe(7);
  const dump = join(dataDir, "dump");

  const isExporting = async () => (await filesIn(join(dump, "originals"))).length > 0;
  expect(await kill(source, "export", dump, isExporting)).toBe(true);
  const target = await startStage("target");
  const early = await run(...lineOf(target, "import", dump));
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining("has not ended")]);
  expect(await move(source, "export", dump)).toMatchObject({ code: 0, end: { exported: 7, skipped: 1 } });

  const dry = await move(target, "import", dump, "--dry-run");
  expect(dry).toMatchObject({ code: 0, end: { imported: 7, same: 0, dryRun: true } });
  expect((await target.images.images.page()).items).toEqual([]);
  const isImporting = async () => (await target.images.images.page()).items.length > 0;
  expect(await kill(target, "import", dump, isImporting)).toBe(true);
  const { code, end } = await move(target, "import", dump);
  expect(end).toMatchObject({ conflicts: 0, refused: 0, wrong: 0 });
  expect([code, Number(end?.imported) + Number(end?.same)]).toEqual([0, 7]);

  expect(await seen(target)).toEqual(before);
  // The events of the originals have come by now, and have changed nothing.
  const doctor = await run(["doctor", "--grace", "0", "--json"], target.environment);
  expect(doctor).toMatchObject({ code: 0 });
  expect(await seen(target)).toEqual(before);

  // Images of the target live on: they can be changed, restored and processed.
  const [image] = before.all;
  const changed = await target.images.images.update(image?.id ?? "", { title: "On the target" });
  expect(changed.version).toBe((image?.version ?? 0) + 1);
  const trashed = before.all.find(({ status }) => status === "trashed");
  await target.images.images.restore(trashed?.id ?? "");
  expect(await target.images.images.wait(trashed?.id ?? "")).toMatchObject({ status: "ready" });

  const again = await move(target, "import", dump);
  expect(again).toMatchObject({ code: 1, end: { imported: 0, same: 5, conflicts: 2 } });
  expect(await target.images.images.get(image?.id ?? "")).toEqual(changed);
  expect(await move(target, "import", dump, "--overwrite")).toMatchObject({ code: 0, end: { imported: 2 } });
  const overwritten = await target.images.images.get(image?.id ?? "");
  expect([overwritten.title, overwritten.version]).toEqual([image?.title, changed.version + 1]);
  expect(await run(["doctor", "--grace", "0"], target.environment)).toMatchObject({ code: 0 });
});
