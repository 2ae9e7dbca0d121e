/** A mirror of 100,000 images: the requests that it takes. */
import { DatabaseSync } from "node:sqlite";
import { createClient } from "@image-pipeline/client";
import { sqliteMirror, step } from "@image-pipeline/client/sync";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

const count = 100_000;
const requestsMax = 210;

let world: MemoryWorld;

beforeAll(async () => {
  world = await createWorld({ anonymous: true });
});
afterAll(() => world.stop());

test(`${count} images are mirrored by at most ${requestsMax} requests, and then one`, async () => {
  const { ID } = await import("@image-pipeline/core/id");
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const { full } = await import("@image-pipeline/core/table/fixture-record");
  const { trash: _, deleteAt: __, expiresAt: ___, ...ready } = full;
  const start = Date.now() - 2 * count * 1000;
  for (let first = 0; first < count; first += 1000) {
    const records = Array.from({ length: 1000 }, (_, i) => {
      const at = new Date(start + (first + i) * 1000).toISOString();
      return {
        ...ready,
        status: "ready" as const,
        imageID: ID.createImageID(),
        createdAt: at,
        updatedAt: at,
      };
    });
    // Not through the pipeline: 100,000 images would take it hours.
    const { unprocessed } = await ImageEntity.put(records).go({ concurrent: 8 });
    expect(unprocessed).toEqual([]);
  }
  let requests = 0;
  let bytes = 0;
  const { images } = createClient({
    baseUrl: "http://api.test",
    fetch: async (url, init) => {
      requests++;
      const response = await world.fetch(url, init);
      bytes += (await response.clone().arrayBuffer()).byteLength;
      return response;
    },
  });
  const store = sqliteMirror(new DatabaseSync(":memory:"));
  const began = performance.now();
  while ((await step((query) => images.changes(query), store)).more);
  expect((await store.rows({})).length).toBe(count);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.info(`${count} images: ${requests} requests, ${(bytes / 1e6).toFixed(0)} MB, ${seconds} s`);
  expect(requests).toBeLessThanOrEqual(requestsMax);
  const before = requests;
  await step((query) => images.changes(query), store);
  expect(requests).toBe(before + 1);
}, 3_600_000);
