import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { photo } from "@image-pipeline/core/fixture";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { jsonLines, runHere } from "./fixture.ts";

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, trashDays: 7 });
});
afterAll(() => cloud.stop());

type Line = { id: string; status: string };

const image = (...line: string[]) => runHere(line, { IMAGE_API_URL: cloud.url });

test("delete moves an image to the trash, list shows it there, and restore brings it back", async () => {
  const path = join(cloud.folder, "boat.jpg");
  await writeFile(path, await photo({ width: 320, height: 240 }));
  const [uploaded] = jsonLines<Line>((await image("upload", path, "--json")).stdout);
  const id = uploaded?.id ?? "";

  const deleted = await image("delete", id, "--yes");
  expect(deleted.stdout).toMatch(new RegExp(`✓ ${id} moved to the trash until 20\\d\\d-`));
  expect(jsonLines((await image("list", "--json")).stdout)).toEqual([]);
  expect(jsonLines<Line>((await image("list", "--status", "trashed", "--json")).stdout)).toMatchObject([
    { id },
  ]);
  expect((await image("get", id)).stdout).toMatch(/trash +until 20/);
  const [again] = jsonLines((await image("delete", id, "--yes", "--json")).stdout);
  expect(again).toMatchObject({ id, trashed: true, until: expect.stringMatching(/^20/) });

  expect((await image("restore", id)).stdout).toContain(`${id} restored, pending`);
  await cloud.settled();
  expect(jsonLines<Line>((await image("list", "--json")).stdout)).toMatchObject([{ id, status: "ready" }]);
  expect(await image("restore", id)).toMatchObject({ code: 0 });

  expect((await image("delete", id, "--permanent", "--yes")).stdout).toContain(`${id} deleted`);
  expect(await image("restore", id)).toMatchObject({ code: 1, stdout: "" });
});
