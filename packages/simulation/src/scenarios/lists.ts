/** Scenarios of the rows by which images are found, and of the change feed. */
import { profiles } from "../faults.ts";
import { only, other, running, runToEnd, runUntil, step } from "../scheduler.ts";
import type { World } from "../simulation.ts";
import { fileOf, on, pathIn, put, type Scenario } from "./steps.ts";

const { full } = profiles;

/** By the name of the mutant. */
export const lists: Record<string, Scenario> = {
  "late-untagging": {
    rule: "the version on the row of a term",
    title: "A late removal of a tag does not undo that it was set again",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      const path = pathIn(world);
      const tag = (...tags: string[]) => world.api("PATCH", path, { tags });
      tag("cat");
      await world.wait(0);
      tag();
      const slow = only();
      await runUntil(slow, /^DeleteItem/);
      tag("cat");
      await runToEnd(other(slow));
      await runToEnd(slow);
    },
    without: { broken: on("DeleteItem", "term", "unconditionally") },
  },
  "terms-last": {
    rule: "writing the rows of new terms before the record",
    title: "An image is found by each of its terms from the moment that it has them",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      world.api("PATCH", pathIn(world), { tags: ["cat"], title: "title", metadata: { postId: "42" } });
      await world.wait(0);
    },
    without: { broken: on("PutItem", "term", "late") },
  },
  "terms-left": {
    rule: "removing the rows of dropped terms after the record was written",
    title: "No row is left of the terms that an image had",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      const path = pathIn(world);
      world.api("PATCH", path, { tags: ["cat"], title: "title one" });
      await world.wait(0);
      world.api("PATCH", path, { tags: ["dog"], title: "title two" });
      await world.wait(0);
      world.api("DELETE", path);
      await world.wait(1000);
    },
    without: { broken: on("DeleteItem", "term", "never") },
  },
  "terms-unchecked": {
    rule: "checking the row of a term against the record",
    title: "A row that a crash has left does not bring an image into a list",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      world.api("PATCH", pathIn(world), { tags: ["cat"] });
      await runUntil(only(), /^PutItem .*image_1/);
      only().kill();
    },
    without: { rules: { confirms: () => true } },
  },
  "similar-unchecked": {
    rule: "checking the row of a perceptual hash against the record",
    title: "A row that a crash has left does not make an image similar to another",
    profile: full,
    async play(world) {
      await world.put("other.jpg", fileOf(world, "blue"));
      await world.wait(1000);
      await put(world, "red");
      await world.wait(1000);
      // The rows of the blue hash are written, and not the record.
      await put(world, "blue");
      const worker = only();
      await runUntil(worker, /^PutItem .*hash/);
      await runUntil(worker, /^PutItem .*image_1/);
      await put(world, "green");
      await runToEnd(other(worker));
      worker.kill();
    },
    without: { rules: { confirms: () => true } },
  },
  "stored-drifting": {
    rule: "correcting the totals of what an owner has stored",
    title: "What an owner has stored is right again after a crash between a write and its count",
    profile: full,
    async play(world) {
      await put(world, "red");
      const worker = only();
      for (let n = 0; n < 2; n++) {
        await runUntil(worker, /^PutItem .*image_1/);
        await step(worker);
      }
      await runUntil(worker, /^UpdateItem .*slot_now/);
      worker.kill();
      await world.wait(1000);
    },
    without: {
      stored: { correction: () => ({ images: 0, originalBytes: 0, variantBytes: 0 }) },
    },
  },
  "no-trail": {
    rule: "trailing the clock by the lag of the index",
    title: "A copy has every image, although some rows of the index come later than others",
    profile: full,
    async play(world) {
      for (let n = 0; n < 8; n++) {
        await put(world, "red", `${n}.jpg`);
        await world.wait(1000);
        await synced(world);
      }
      await world.wait(10_000);
      await synced(world);
    },
    without: { rules: { trailed: (last) => last } },
  },
  "cursor-first": {
    rule: "saving a page of changes with its cursor, or neither",
    title: "A client that is killed while it saves a page has missed nothing",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(10_000);
      world.sync();
      await runUntil(only(), /^Save/);
      await step(only());
      for (const job of running()) job.kill();
    },
    without: { broken: ({ operation }) => (operation === "SavePage" ? "late" : undefined) },
  },
};

/** Lets the client that keeps a copy read what there is. */
async function synced(world: World): Promise<void> {
  world.sync();
  await world.wait(0);
}
