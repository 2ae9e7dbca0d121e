/** Scenarios of copies: a stage that is filled by an import while the events of the copied originals arrive. */
import { Copy } from "@image-pipeline/core/records/copies";
import type { Copied } from "../copies.ts";
import { profiles } from "../faults.ts";
import { only, other, runToEnd, runUntil } from "../scheduler.ts";
import type { World } from "../simulation.ts";
import { fileOf, put, rules, type Scenario } from "./steps.ts";

const { full } = profiles;
const minute = 60_000;

/** By the name of the mutant. */
export const copies: Record<string, Scenario> = {
  "copy-event": {
    rule: "acknowledging the event of a copied original",
    title:
      "A copied image stays as it was, or deleted, although events of its original arrive twice, late or never",
    profile: full,
    // Of three uploads on the source, then of three originals on the target.
    fates: [[0], [0], [0], [900_000], [0, 400_000], []],
    async play(world) {
      const [deleted, ...others] = await exported(world);
      if (!deleted) throw new Error("The export has no image.");
      world.copy(deleted);
      const importing = only();
      await runUntil(importing, /^PutObject default/);
      world.api("DELETE", `/images/${deleted.record.imageID}`);
      await runToEnd(other(importing));
      await runToEnd(importing);
      for (const copy of others) world.copy(copy);
      await world.wait(30 * minute);
      world.reconcile("compare", 900);
      await world.wait(minute);
      for (const copy of [deleted, ...others]) world.copy(copy);
      await world.wait(minute);
    },
    without: { rules: { isOfCopy: () => false } },
  },
  "copy-replaced": {
    rule: "comparing the ETag of an event with that of a copied original",
    title:
      "An upload that replaces a copied original is processed, although the event of the copy comes after it",
    fates: [[0], [0], [0], [300_000], [0]],
    async play(world) {
      const [replaced] = await exported(world);
      if (!replaced) throw new Error("The export has no image.");
      world.copy(replaced);
      await world.wait(minute);
      await put(world, "blue", replaced.record.key);
      await world.wait(30 * minute);
    },
    without: { rules: { isOfCopy: (record) => rules.isOfCopy(record, record.etag ?? "") } },
  },
  "copy-awaited": {
    rule: "waiting for the original of a copied image",
    title: "A comparison during an import does not take a copied image for deleted",
    async play(world) {
      const [copy] = await exported(world);
      if (!copy) throw new Error("The export has no image.");
      world.copy(copy);
      const importing = only();
      await runUntil(importing, /^PutObject default/);
      world.reconcile("compare", 900);
      await runToEnd(other(importing));
      await runToEnd(other(importing));
      await runToEnd(importing);
      await world.wait(30 * minute);
    },
    without: { rules: { isAwaited: () => false } },
  },
  "copy-unfinished": {
    rule: "processing a copied image that was not ready on its source",
    title: "An image that was being processed when it was exported is processed after its import",
    async play(world) {
      await put(world, "red");
      await runUntil(only(), /^PutObject/);
      for (const copy of await world.leave()) world.copy(copy);
    },
    without: {
      rules: { isOfCopy: ({ sequencer, etag }, other) => sequencer === Copy.sequencer && etag === other },
    },
  },
};

/** Processes images on a stage, exports them and empties the stage. */
async function exported(world: World): Promise<Copied[]> {
  world.create(fileOf(world, "red"), ["cat"]);
  world.create(fileOf(world, "green"), []);
  world.create(fileOf(world, "text"), []);
  await world.wait(1000);
  for (const id of world.created.keys()) await world.send(id);
  await world.wait(minute);
  for (const id of world.created.keys()) world.api("PATCH", `/images/${id}`, { title: "On the source" });
  await world.wait(minute);
  return world.leave();
}
