/** Scenarios of deletions: removals in the bucket, tombstones and closed keys. */
import type { Protocol } from "@image-pipeline/core/records/protocol";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { profiles } from "../faults.ts";
import { only, other, runToEnd, runUntil } from "../scheduler.ts";
import type { World } from "../simulation.ts";
import { announce, key, omitting, opened, pathIn, put, rules, type Scenario } from "./steps.ts";

const { full } = profiles;
const dayMs = 86_400_000;

/** By the name of the mutant. */
export const deletion: Record<string, Scenario> = {
  "told-twice": {
    rule: "recording a removal once, by whichever event or check found it first",
    title: "A removal that the reconciler found before its event arrived is once in the history",
    profile: full,
    fates: [[0], [120_000]],
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      world.api("DELETE", pathIn(world));
      await world.wait(61_000);
      world.reconcile("stuck", 900);
      await world.wait(60_000);
    },
    without: {
      rules: {
        onRemoved(...given) {
          const decision = rules.onRemoved(...given);
          if (decision.do !== "write") return decision;
          return { ...decision, entry: { type: "deleted", by: "storage" } };
        },
      },
    },
  },
  "late-removal": {
    rule: "comparing sequencers when an object was removed",
    title: "A removal whose event arrives after a newer upload deletes nothing",
    fates: [[0], [20_000], [0]],
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await world.remove(key);
      await put(world, "green");
      await world.wait(60_000);
    },
    without: {
      rules: {
        onRemoved: (record, event, context) =>
          rules.onRemoved(record && { ...record, sequencer: "" }, event, context),
      },
    },
  },
  "no-tombstone": {
    rule: "the tombstone's place in the order",
    title: "An event from before the removal revives nothing",
    fates: [[0, 20_000], [0]],
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await world.remove(key);
      await world.wait(60_000);
    },
    without: { rules: { onRemoved: (...given) => omitting(rules.onRemoved(...given), "sequencer") } },
  },
  "reopened-by-event": {
    rule: "closing the key of a deleted image to the events of late bytes",
    title: "A presigned URL that is used again after the deletion brings nothing back",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await erase(world, id);
      await world.send(id);
    },
    without: { rules: { onCreated: (record, ...given) => rules.onCreated(opened(record), ...given) } },
  },
  "reopened-by-check": {
    rule: "closing the key of a deleted image to late bytes that the reconciler finds",
    title: "Late bytes whose event was lost bring nothing back",
    profile: full,
    fates: [[0], [0], []],
    async play(world) {
      const id = await announce(world, "POST");
      await erase(world, id);
      await world.send(id);
    },
    without: { rules: { onCheck: (record, ...given) => rules.onCheck(opened(record), ...given) } },
  },
  "reopened-by-dead-letter": {
    rule: "closing the key of a deleted image to the dead letters of late bytes",
    title: "A dead letter of late bytes does not bring back a deleted image as failed",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await erase(world, id);
      await world.send(id);
      for (let receive = 1; receive <= 6; receive++) {
        only().kill();
        await world.stall(361_000);
      }
      await runToEnd(only());
    },
    without: { rules: { onDeadLetter: (record, ...given) => rules.onDeadLetter(opened(record), ...given) } },
  },
  "late-bytes-left": {
    rule: "removing late bytes under the key of a deleted image",
    title: "An object that an S3 client puts under the key of a deleted image is removed",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await erase(world, id);
      await put(world, "green", `default/${id}`);
    },
    without: {
      rules: {
        onCreated: (record, ...given) => ignoring(record, rules.onCreated(record, ...given)),
        onCheck: (record, ...given) => ignoring(record, rules.onCheck(record, ...given)),
      },
    },
  },
  "outdated-check": {
    rule: "a new attempt for late bytes",
    title: "A check that found no object does not hide bytes that came meanwhile",
    profile: full,
    fates: [[0], [100_000], [0]],
    async play(world) {
      const id = await announce(world);
      world.api("DELETE", `/images/${id}`);
      await runToEnd(only());
      const check = only();
      await runUntil(check, /^PutItem .*event/);
      await world.send(id);
      await runToEnd(other(check));
      await runToEnd(check);
    },
    without: {
      rules: {
        onCreated(record, ...given) {
          const decision = rules.onCreated(record, ...given);
          if (!record?.closed || decision.do !== "write") return decision;
          return { ...decision, draft: { ...decision.draft, attempt: record.attempt } };
        },
      },
    },
  },
  "expiring-closure": {
    rule: "keeping the tombstone of a closed key",
    title: "Bytes that come months after the deletion bring nothing back",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await erase(world, id);
      await world.wait(100 * dayMs);
      await world.environment.expire();
      world.observer.expired();
      await put(world, "green", `default/${id}`);
    },
    without: { rules: { onRemoved: (...given) => expiring(rules.onRemoved(...given)) } },
  },
  "deleted-twice": {
    rule: "closing a key by the deletion of an image whose original was removed before",
    title: "An image stays deleted whose original an S3 client had removed before the API deleted it",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await world.remove(`default/${id}`);
      await world.wait(1000);
      await erase(world, id);
      await world.send(id);
    },
    without: {
      rules: {
        onDelete(record, ...given) {
          if (record.status === "deleted") return { do: "acknowledge", why: "mutant" };
          return rules.onDelete(record, ...given);
        },
      },
    },
  },
};

/** Deletes an image through the API, and lets the deletion end. */
async function erase(world: World, id: string): Promise<void> {
  world.api("DELETE", `/images/${id}`);
  await world.wait(1000);
}

const ignoring = (record: ImageRecord | undefined, decision: Protocol.Decision): Protocol.Decision =>
  record?.closed && decision.do === "write" && decision.draft.status === "deleting"
    ? { do: "acknowledge", why: "mutant" }
    : decision;

const expiring = (decision: Protocol.Decision): Protocol.Decision =>
  decision.do === "write" ? { ...decision, draft: { ...decision.draft, expiresAt: 1 } } : decision;
