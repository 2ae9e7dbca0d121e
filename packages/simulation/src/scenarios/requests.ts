/** Scenarios of requests: replays, idempotency keys, visibility and imports. */
import type { Protocol } from "@image-pipeline/core/records/protocol";
import { profiles } from "../faults.ts";
import { only, other, running, runToEnd, runUntil, settle, step } from "../scheduler.ts";
import type { World } from "../simulation.ts";
import { announce, fileOf, on, opened, pathIn, put, rules, type Scenario } from "./steps.ts";

const { full } = profiles;
/** Makes each look at an event another event, in a mutant. */
let uncounted = 0;

/** By the name of the mutant. */
export const requests: Record<string, Scenario> = {
  "uncounted-replay": {
    rule: "counting an upload that replaces an earlier one",
    title: "A presigned form that is used again is counted each time",
    profile: full,
    async play(world) {
      const key = `default/${await announce(world, "POST")}`;
      await put(world, "green", key);
      await world.wait(1000);
      await put(world, "red", key);
      await world.wait(1000);
    },
    without: { rules: { replayOf: () => undefined } },
  },
  "replay-counted-twice": {
    rule: "counting a replayed upload by its event",
    title: "A replayed upload whose event comes twice, to two workers at once, is counted once",
    profile: full,
    fates: [[0], [0, 0]],
    async play(world) {
      const key = `default/${await announce(world, "POST")}`;
      await put(world, "green", key);
      const workers = [...running()];
      for (const worker of workers) await runUntil(worker, /^UpdateItem .*usage/);
      for (const worker of workers) await runToEnd(worker);
    },
    without: {
      rules: {
        replayOf(...given) {
          const event = rules.replayOf(...given);
          return event && `${event} ${uncounted++}`;
        },
      },
    },
  },
  "no-claim": {
    rule: "the condition on the claim of an idempotency key",
    title: "Two requests under one idempotency key that run at once create one image",
    profile: full,
    async play(world) {
      world.create(fileOf(world, "red"), []);
      const first = only();
      await runUntil(first, /^PutItem .*image/);
      await repeat(world);
      await runToEnd(other(first));
      await runToEnd(first);
    },
    without: { broken: on("PutItem", "idempotency", "unconditionally") },
  },
  "other-work": {
    rule: "the id of the work in the claim",
    title: "A request that is repeated after a crash before its response was stored continues its image",
    profile: full,
    async play(world) {
      world.create(fileOf(world, "red"), []);
      await runUntil(only(), /^UpdateItem .*idempotency/);
      only().kill();
      await world.wait(61_000);
      await repeat(world);
      await world.wait(1000);
    },
    without: { rules: { workOf: () => undefined } },
  },
  "left-public": {
    rule: "taking the public files of an image that becomes private out of its record",
    title: "An image that becomes private has no public URL from its first answer on",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      world.api("PATCH", pathIn(world), { visibility: "private" });
      await runToEnd(only());
      await world.wait(1000);
    },
    without: { rules: { onVisibility: (_, draft) => draft } },
  },
  "fenced-leftover": {
    rule: "looking for public files once no fenced worker can be running",
    title: "What a fenced worker writes under a public key is removed after its longest run",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      const path = pathIn(world);
      world.api("POST", `${path}/reprocess`);
      await runToEnd(only());
      const worker = only();
      await runUntil(worker, /^PutObject/);
      world.api("PATCH", path, { visibility: "private" });
      await runToEnd(other(worker));
      await runToEnd(worker);
      await world.wait(1_000_000);
      world.reconcile("stuck", 900);
      await world.wait(1000);
    },
    without: { rules: { keysToRevoke: (record) => record.revoked?.keys ?? [] } },
  },
  "import-overtaken": {
    rule: "the end of an import only while it waits for bytes",
    title: "Of two importers of one message the one that found nothing does not undo the other",
    profile: full,
    fates: [[0, 0], [0]],
    async play(world) {
      world.importFrom("red");
      await runToEnd(only());
      const [first, second] = running();
      if (!first || !second) throw new Error("One message was delivered, not two.");
      await runUntil(first, /^PUT /);
      world.refused.set("red", 404);
      await runUntil(second, /^PutItem /);
      await runToEnd(first);
      await runToEnd(other(second));
      await runToEnd(second);
    },
    without: { rules: { onImportFailed: waiting } },
  },
  "import-dead-letter": {
    rule: "the end of an import by its dead letter only while it waits for bytes",
    title: "An importer that dies before its PUT, then after it, and then each time leaves a ready image",
    profile: full,
    async play(world) {
      world.importFrom("red");
      await runToEnd(only());
      for (const fault of ["die before", "die after"] as const) {
        const importer = only();
        await runUntil(importer, /^PUT /);
        await step(importer, 0, fault);
        if (fault === "die after") await runToEnd(only());
        await world.stall(361_000);
      }
      for (let receive = 3; receive <= 6; receive++) {
        only().kill();
        await world.stall(361_000);
      }
      await runToEnd(only());
    },
    without: { rules: { onImportFailed: waiting } },
  },
  "import-lost": {
    rule: "telling an import without bytes from a deletion",
    title: "An import whose message was lost ends as failed, and not as deleted",
    profile: full,
    fates: [[]],
    async play(world) {
      world.importFrom("red");
      await world.wait(1000);
    },
    without: { rules: { isUnfetched: () => false } },
  },
  "import-deleted": {
    rule: "closing the key of a deleted import to its importer",
    title: "An import that is deleted before its importer stores the file stays deleted",
    profile: full,
    async play(world) {
      world.importFrom("red");
      await runToEnd(only());
      const importer = only();
      await runUntil(importer, /^PUT /);
      world.api("DELETE", pathIn(world));
      await runToEnd(other(importer));
      while (running().length > 1) await runToEnd(other(importer));
      await runToEnd(importer);
    },
    without: { rules: { onCreated: (record, ...given) => rules.onCreated(opened(record), ...given) } },
  },
};

/** Sends the first creation again. */
async function repeat(world: World): Promise<void> {
  const [order] = world.orders;
  if (!order) throw new Error("No upload was created.");
  world.repeat(order);
  await settle();
}

/** Ends an import as if it still waited for bytes. */
function waiting(...[record, ...given]: Parameters<Protocol.Rules["onImportFailed"]>) {
  return rules.onImportFailed(record && { ...record, status: "pending", etag: undefined }, ...given);
}
