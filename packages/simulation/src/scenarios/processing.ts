/** Scenarios of the processor: leases, attempts, commits and what the reconciler sends again. */
import { fingerprint } from "@image-pipeline/core/engine/recipe";
import type { Protocol } from "@image-pipeline/core/records/protocol";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import { profiles } from "../faults.ts";
import { only, other, running, runToEnd, runUntil, step } from "../scheduler.ts";
import { announce, fromJob, key, omitting, on, pathIn, put, rules, type Scenario } from "./steps.ts";

const { full } = profiles;
const dayMs = 86_400_000;

/** By the name of the mutant. */
export const processing: Record<string, Scenario> = {
  "ack-lost": {
    rule: "keeping the message when the commit was refused",
    title: "A worker that outlives its lease leaves its message in the queue",
    async play(world) {
      await put(world, "red");
      const worker = only();
      await runUntil(worker, /^PutObject/);
      await world.stall(80_000);
      await runToEnd(worker);
    },
    without: { rules: { mayAcknowledge: () => true } },
  },
  "ack-lease": {
    rule: "keeping the message while another worker holds the lease",
    title: "A message that is received again while its first worker runs outlives that worker",
    async play(world) {
      await put(world, "red");
      const first = only();
      await world.stall(361_000);
      const second = other(first);
      await runUntil(first, /^GetObject/);
      await runToEnd(second);
      first.kill();
    },
    without: { rules: { onCreated: (...given) => acknowledging(rules.onCreated(...given)) } },
  },
  "ack-dead": {
    rule: "keeping a dead letter while a worker holds the lease",
    title: "A dead letter waits for the worker that still holds the lease",
    async play(world) {
      await put(world, "red");
      for (let receive = 1; receive < 6; receive++) {
        only().kill();
        await world.stall(361_000);
      }
      const last = only();
      await world.stall(361_000);
      const deadLetter = other(last);
      await runUntil(last, /^GetObject/);
      await runToEnd(deadLetter);
      last.kill();
    },
    without: { rules: { onDeadLetter: (...given) => acknowledging(rules.onDeadLetter(...given)) } },
  },
  "no-fence": {
    rule: "the fencing token at the commit",
    title: "A worker whose upload was replaced does not commit in place of its successor",
    async play(world) {
      await put(world, "red");
      const first = only();
      await runUntil(first, /^PutItem .*event/);
      await put(world, "green");
      await runUntil(other(first), /^GetObject/);
      await runToEnd(first);
    },
    without: {
      rules: {
        onOutcome: (record, attempt, outcome, context) =>
          rules.onOutcome(record, record?.attempt ?? attempt, outcome, context),
      },
    },
  },
  "no-lease": {
    rule: "the lease at the commit",
    title: "A worker that wakes after its lease commits nothing",
    async play(world) {
      await put(world, "red");
      const worker = only();
      await runUntil(worker, /^PutObject/);
      await world.stall(80_000);
      await runToEnd(worker);
    },
    without: {
      rules: {
        onOutcome(record, attempt, outcome, context) {
          const leaseUntil = new Date(context.now + 1000).toISOString();
          return rules.onOutcome(record && { ...record, leaseUntil }, attempt, outcome, context);
        },
      },
    },
  },
  "path-without-attempt": {
    rule: "the attempt in the variants' path",
    title: "A late clean-up does not touch the variants of an image that has come back",
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await world.remove(key);
      const cleaner = only();
      await runUntil(cleaner, /^DeleteObjects/);
      await put(world, "red");
      await runToEnd(other(cleaner));
      await runToEnd(cleaner);
    },
    without: { rules: { pathOf: ({ imageID }, etag) => `${imageID}/${etag.slice(0, 8)}` } },
  },
  "one-path": {
    rule: "a path for each upload's variants",
    title: "A new upload leaves the variants of the old one as they are",
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await put(world, "green");
      await world.wait(1000);
    },
    without: { rules: { pathOf: ({ imageID }) => imageID } },
  },
  "no-sequencer": {
    rule: "comparing sequencers when an object was created",
    title: "An event that arrives after a newer one changes nothing",
    fates: [[0, 20_000], [0]],
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await put(world, "green");
      await world.wait(60_000);
    },
    without: {
      rules: {
        onCreated(record, event, context) {
          const late = record && (record.sequencer ?? "") > event.sequencer;
          return rules.onCreated(late ? { ...record, sequencer: "" } : record, event, context);
        },
      },
    },
  },
  "uploaded-twice": {
    rule: "recording an upload once, by whichever event or check found it first",
    title: "An upload that the reconciler found before its event arrived is once in the history",
    profile: full,
    fates: [[30_000]],
    async play(world) {
      await put(world, "red");
      world.reconcile("compare", 900);
      await world.wait(60_000);
    },
    without: {
      rules: {
        onCreated: (record, ...given) => rules.onCreated(record && { ...record, found: undefined }, ...given),
      },
    },
  },
  "no-if-match": {
    rule: "reading only the upload that was claimed",
    title: "A worker whose upload was replaced before it read it makes nothing of the other",
    async play(world) {
      await put(world, "red");
      const worker = only();
      await runUntil(worker, /^GetObject/);
      await put(world, "green");
      await runToEnd(worker);
    },
    without: { broken: ({ operation }) => (operation === "GetObject" ? "unconditionally" : undefined) },
  },
  "publish-first": {
    rule: "writing the variants before the record",
    title: "A record names no variant that does not exist yet",
    async play(world) {
      await put(world, "red");
      const worker = only();
      await runUntil(worker, /^PutObject/);
      await runToEnd(worker);
    },
    without: { broken: ({ operation }) => (operation === "PutObject" ? "late" : undefined) },
  },
  "no-compare-and-set": {
    rule: "the condition on every write of a record",
    title: "Of two workers that have read the same record one writes",
    fates: [[0, 0]],
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await put(world, "green");
      const workers = [...running()];
      for (const worker of workers) await step(worker);
      for (const worker of workers) await runToEnd(worker);
    },
    without: { broken: on("PutItem", "image", "unconditionally") },
  },
  "no-history": {
    rule: "filing a transition before it is replaced",
    title: "Each transition is filed before the next replaces it",
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
    },
    without: { broken: on("PutItem", "event", "never") },
  },
  "no-grace": {
    rule: "a day of grace for replaced variants",
    title: "Variants that were replaced an hour ago stay for the clients that still show them",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(2 * dayMs);
      await put(world, "green");
      await world.wait(3_600_000);
      world.reconcile("sweep", 900);
      await world.wait(0);
    },
    without: { rules: { keysInUse: (record) => new Set(VariantFile.keysOf(record)) } },
  },
  "no-compare": {
    rule: "comparing the bucket with the table",
    title: "An upload whose event was lost is found",
    profile: full,
    fates: [[]],
    play: (world) => put(world, "red"),
    without: { broken: fromJob("compare") },
  },
  "no-nudge": {
    rule: "checking again what is overdue",
    title: "A reprocessing whose message was never sent is made up for",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      world.api("POST", `${pathIn(world)}/reprocess`);
      await runUntil(only(), /^SendMessageBatch/);
      only().kill();
    },
    without: { broken: fromJob("stuck") },
  },
  "unfiled-end": {
    rule: "looking after a tombstone until its last transition is filed",
    title: "The deletion of an image stays in its history after a power cut and the tombstone's expiry",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await world.remove(key);
      const cleaner = only();
      while (![...world.observer.records.values()].some(({ status }) => status === "deleted"))
        await step(cleaner);
      await world.powerCut();
    },
    without: { rules: { onRemoved: (...given) => omitting(rules.onRemoved(...given), "dueAt") } },
  },
  "unmoved-crop": {
    rule: "processing an image again for another focus",
    title: "A focus that is set while a worker crops around the old one is that of the variants",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      const path = pathIn(world);
      world.api("POST", `${path}/reprocess`);
      await runToEnd(only());
      const worker = only();
      await runUntil(worker, /^PutObject/);
      world.api("PATCH", path, { focus: { x: 0.1, y: 0.9 } });
      await runToEnd(other(worker));
      await runToEnd(worker);
      await world.wait(1000);
    },
    without: { rules: { onFocus: (_, draft) => draft } },
  },
  "kept-of-other-bytes": {
    rule: "making every variant of other bytes",
    title: "A new upload keeps no variant of the old one",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      await put(world, "green");
      await world.wait(1000);
    },
    without: {
      rules: { keptVariants: ({ variants }) => rules.keptVariants({ variants, recipe: fingerprint }) },
    },
  },
  "rejection-lost": {
    rule: "telling the removal of a discarded original from a deletion",
    title: "An announced upload that is too large is removed, and its image stays rejected",
    profile: full,
    async play(world) {
      const id = await announce(world);
      await put(world, "large", `default/${id}`);
      await world.untilQuiet();
      world.reconcile("stuck", 900);
      await world.untilQuiet();
    },
    without: { rules: { isDiscarded: () => false } },
  },
};

const acknowledging = (decision: Protocol.Decision): Protocol.Decision =>
  decision.do === "retry" ? { do: "acknowledge", why: "mutant" } : decision;
