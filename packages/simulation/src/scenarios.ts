/**
 * One scenario for each rule of the protocol: a schedule that the product passes, and that it fails without the rule.
 * A mutant that no scenario notices would be a rule without a purpose, or a blind spot of the invariants.
 */
import { fingerprint } from "@image-pipeline/core/engine/recipe";
import { Outgoing } from "@image-pipeline/core/records/outgoing";
import { Protocol } from "@image-pipeline/core/records/protocol";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { command } from "./commands.ts";
import { type Broken, type Profile, profiles } from "./faults.ts";
import type { File } from "./image-files.ts";
import {
  type Fault,
  type Job,
  now,
  only,
  other,
  running,
  runToEnd,
  runUntil,
  settle,
  step,
} from "./scheduler.ts";
import type { Fate, Schedule, Simulation, World } from "./simulation.ts";

/** `rule` is what the mutant leaves out: by other rules of the protocol, or by a service that breaks its contract. */
export type Scenario = {
  rule: string;
  title: string;
  /** `calm` unless given. */
  profile?: Profile;
  /** One copy of each notification, at once, unless given. */
  fates?: Fate[];
  play(world: World): Promise<void>;
  without: { rules?: Partial<Protocol.Rules>; outgoing?: Partial<Outgoing.Rules>; broken?: Broken };
};

const { full } = profiles;
const rules = { ...Protocol.rules };
const dayMs = 86_400_000;
const key = "photo.jpg";

/** Makes each look at an event another event, in a mutant. */
let uncounted = 0;

/** By the name of the mutant. */
export const scenarios: Record<string, Scenario> = {
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
  "trash-served": {
    rule: "removing the files of an image that is put into the trash",
    title: "An image in the trash has no file any more, and after its days no original either",
    profile: full,
    async play(world) {
      await announce(world);
      world.api("TRASH", pathIn(world));
      await world.wait(1000);
    },
    without: {
      rules: {
        onTrash(...given) {
          const decision = rules.onTrash(...given);
          if (decision.do !== "write") return decision;
          return { ...decision, draft: { ...decision.draft, revoked: undefined, dueAt: undefined } };
        },
      },
    },
  },
  "trash-leftover": {
    rule: "looking for files of an image in the trash once no fenced worker can be running",
    title: "What a fenced worker writes for an image in the trash is removed after its longest run",
    profile: full,
    async play(world) {
      await put(world, "red");
      const worker = only();
      await runUntil(worker, /^PutObject/);
      world.api("TRASH", pathIn(world));
      await runToEnd(other(worker));
      await runToEnd(worker);
      await world.wait(1000);
    },
    without: { rules: { keysToRevoke: (record) => record.revoked?.keys ?? [] } },
  },
  "trash-reopened": {
    rule: "recording bytes that come under the key of an image in the trash",
    title: "An upload under the key of an image in the trash is processed once the image is restored",
    profile: full,
    async play(world) {
      await put(world, "red");
      await world.wait(1000);
      const path = pathIn(world);
      world.api("TRASH", path);
      await world.wait(1000);
      await put(world, "green");
      await world.wait(1000);
      world.api("POST", `${path}/restore`);
      await world.wait(1000);
    },
    without: { rules: { onCreated: (record, ...given) => rules.onCreated(taken(record), ...given) } },
  },
  "trash-awaited": {
    rule: "telling an image in the trash whose bytes have not come from a removed one",
    title: "An upload that is put into the trash and restored before its bytes come is ready in the end",
    profile: full,
    async play(world) {
      world.create(fileOf(world, "red"), []);
      await world.wait(1000);
      const path = pathIn(world);
      world.api("TRASH", path);
      await world.wait(1000);
      world.api("POST", `${path}/restore`);
      await world.wait(1000);
      const [id] = world.created.keys();
      await world.send(id ?? "");
      await world.wait(1000);
    },
    without: { rules: { onCheck: (record, ...given) => rules.onCheck(taken(record), ...given) } },
  },
  "trash-endless": {
    rule: "deleting an image when its days in the trash are over",
    title: "An image in the trash is deleted when its days are over",
    profile: full,
    async play(world) {
      await announce(world);
      world.api("TRASH", pathIn(world));
      await world.wait(1000);
    },
    without: { rules: { onOver: () => undefined } },
  },
  "expiry-ignored": {
    rule: "deleting an image when its expiry is over",
    title: "An image that expires is deleted, although it was processed again meanwhile",
    profile: full,
    async play(world) {
      await announce(world);
      const path = pathIn(world);
      world.api("PATCH", path, { expiresAt: soon() });
      await world.wait(1000);
      world.api("POST", `${path}/reprocess`);
      await world.wait(7_200_000);
    },
    without: {
      rules: { onOver: (record, ...given) => rules.onOver({ ...record, deleteAt: undefined }, ...given) },
    },
  },
  "expiry-shown": {
    rule: "hiding an image from its expiry on",
    title: "An image that has expired is not shown, although the reconciler has not deleted it yet",
    profile: full,
    async play(world) {
      await announce(world);
      const path = pathIn(world);
      world.api("PATCH", path, { expiresAt: soon() });
      await world.wait(7_200_000);
      world.api("GET", path);
      await world.wait(1000);
    },
    without: { rules: { isExpired: () => false } },
  },
  "expiry-lost": {
    rule: "keeping the expiry through the work",
    title: "An image that expires is deleted, although its bytes came only after its expiry was set",
    profile: full,
    async play(world) {
      world.create(fileOf(world, "red"), []);
      await world.wait(1000);
      world.api("PATCH", pathIn(world), { expiresAt: soon() });
      await world.wait(1000);
      const [id] = world.created.keys();
      await world.send(id ?? "");
      await world.wait(7_200_000);
    },
    without: {
      rules: {
        onOutcome(...given) {
          const result = rules.onOutcome(...given);
          return result && { ...result, draft: { ...result.draft, deleteAt: undefined } };
        },
      },
    },
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
  "outbox-late": {
    rule: "writing a delivery before the record",
    title: "The event of a change is received although its writer dies right after the write",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "changed" });
      await stepAt(only(), putImage, "die after");
      await world.wait(1000);
    },
    without: { broken: on("PutItem", "delivery", "late") },
  },
  undelivered: {
    rule: "the reconciler's messages for deliveries that are due",
    title: "An event is received although the message to the sender was never sent",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "changed" });
      await stepAt(only(), /^SendMessageBatch/, "die before");
      await world.wait(1000);
    },
    without: { broken: fromJob("deliver") },
  },
  "unwritten-sent": {
    rule: "looking up whether the write of a delivery has succeeded",
    title: "The event of a change that lost a race, and whose writer died, is not received",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "lost" });
      const writer = only();
      await runUntil(writer, putImage);
      world.api("PATCH", pathIn(world), { title: "won" });
      await runToEnd(other(writer));
      writer.kill();
      await world.wait(1000);
    },
    without: { outgoing: { isWritten: () => true } },
  },
  "overtaken-discarded": {
    rule: "keeping the delivery of a write whose result is unknown",
    title: "The event of a change is received although its response was lost and another change followed",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "first" });
      const writer = only();
      await stepAt(writer, putImage, "time out after");
      world.api("PATCH", pathIn(world), { title: "second" });
      await runToEnd(other(writer));
      await runToEnd(writer);
      await world.wait(1000);
    },
    without: { outgoing: { isRefused: () => true } },
  },
  "other-message-id": {
    rule: "one message id for every attempt at a delivery",
    title: "A receiver that answers 500 although it kept the event recognises the next attempt",
    profile: full,
    async play(world) {
      const { receiver } = await subscribe(world);
      receiver.mode = "lying";
      await announce(world);
    },
    without: { outgoing: { messageIDOf: () => `msg_${uncounted++}` } },
  },
  "redirect-received": {
    rule: "taking only a 2xx for an answer of the receiver",
    title: "A receiver that redirects for a time receives its events after it",
    profile: full,
    async play(world) {
      const { receiver } = await subscribe(world);
      receiver.mode = "moved";
      await announce(world);
    },
    without: { outgoing: { isReceived: (status) => status < 400 } },
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

/** A scenario as a schedule of one command. */
const scheduleOf = ({ title, fates = [[0]], play }: Scenario): Schedule => ({
  fates,
  skews: [0],
  commands: [command(title, play)],
});

/** The write of a record. */
const putImage = /^PutItem .*\$image_/;

/** Creates an endpoint for every event of all owners, and waits until each process has read it. */
async function subscribe(world: World, name = "app") {
  await world.subscribe(name);
  await world.wait(31_000);
  const endpoint = world.observer.endpoints.find((endpoint) => endpoint.name === name);
  if (!endpoint) throw new Error(`There is no endpoint ${name}.`);
  return endpoint;
}

/** Lets a job run until it makes a request whose label matches, which meets the fault. */
async function stepAt(job: Job, request: RegExp, fault: Fault): Promise<void> {
  await runUntil(job, request);
  const labels = job.gates.map(({ label }) => label).sort();
  const choice = labels.findIndex((label) => request.test(label));
  await step(job, choice, fault);
}

function put(world: World, name: string, under = key): Promise<void> {
  return world.put(under, fileOf(world, name));
}

function fileOf(world: World, name: string): File {
  const file = world.files.find((file): file is File => file.name === name);
  if (!file) throw new Error(`There is no file ${name}.`);
  return file;
}

/** Uploads an image through the API and returns its id. */
async function announce(world: World, method: "PUT" | "POST" = "PUT"): Promise<string> {
  world.create(fileOf(world, "red"), [], method);
  await world.wait(1000);
  const [id] = world.created.keys();
  if (!id) throw new Error("The API created no image.");
  await world.send(id);
  await world.wait(1000);
  return id;
}

/** Sends the first creation again. */
async function repeat(world: World): Promise<void> {
  const [order] = world.orders;
  if (!order) throw new Error("No upload was created.");
  world.repeat(order);
  await settle();
}

/** Deletes an image through the API, and lets the deletion end. */
async function erase(world: World, id: string): Promise<void> {
  world.api("DELETE", `/images/${id}`);
  await world.wait(1000);
}

/** Lets the client that keeps a copy read what there is. */
async function synced(world: World): Promise<void> {
  world.sync();
  await world.wait(0);
}

const pathIn = ({ observer }: World) => `/images/${[...observer.records.keys()][0]}`;

function on(operation: string, entity: string, how: ReturnType<Broken>): Broken {
  return (asked) => (asked.operation === operation && asked.entity === entity ? how : undefined);
}

/** A queue that loses what this job of the reconciler sends. */
function fromJob(name: string): Broken {
  return ({ operation, job }) => (/^SendMessage/.test(operation) && job === name ? "never" : undefined);
}

const acknowledging = (decision: Protocol.Decision): Protocol.Decision =>
  decision.do === "retry" ? { do: "acknowledge", why: "mutant" } : decision;

const omitting = (decision: Protocol.Decision, field: "sequencer" | "dueAt"): Protocol.Decision =>
  decision.do === "write" ? { ...decision, draft: { ...decision.draft, [field]: undefined } } : decision;

/** A record whose key takes uploads. */
const opened = <R extends ImageRecord | undefined>(record: R): R =>
  record && { ...record, closed: undefined };

/** A time that the next two hours pass. */
const soon = () => new Date(now() + 3_600_000).toISOString();

/** A record as if it were not in the trash. */
const taken = (record: ImageRecord | undefined): ImageRecord | undefined =>
  record?.trash ? { ...record, status: record.trash.status, trash: undefined } : record;

/** Ends an import as if it still waited for bytes. */
function waiting(...[record, ...given]: Parameters<Protocol.Rules["onImportFailed"]>) {
  return rules.onImportFailed(record && { ...record, status: "pending", etag: undefined }, ...given);
}

const ignoring = (record: ImageRecord | undefined, decision: Protocol.Decision): Protocol.Decision =>
  record?.closed && decision.do === "write" && decision.draft.status === "deleting"
    ? { do: "acknowledge", why: "mutant" }
    : decision;

const expiring = (decision: Protocol.Decision): Protocol.Decision =>
  decision.do === "write" ? { ...decision, draft: { ...decision.draft, expiresAt: 1 } } : decision;

/** Plays a scenario on the product as it is. Returns the violations, if any. */
export async function playScenario(simulation: Simulation, scenario: Scenario): Promise<string | undefined> {
  return play(simulation, scenario);
}

/** Plays a scenario without its rule. Returns the violations that it causes; undefined if the mutant survives. */
export async function playMutant(simulation: Simulation, scenario: Scenario): Promise<string | undefined> {
  const real = { ...Protocol.rules };
  const outgoing = { ...Outgoing.rules };
  Object.assign(Protocol.rules, scenario.without.rules);
  Object.assign(Outgoing.rules, scenario.without.outgoing);
  try {
    return await play(simulation, scenario, scenario.without.broken);
  } finally {
    Object.assign(Protocol.rules, real);
    Object.assign(Outgoing.rules, outgoing);
  }
}

async function play(
  simulation: Simulation,
  scenario: Scenario,
  broken?: Broken,
): Promise<string | undefined> {
  const { profile = profiles.calm } = scenario;
  try {
    await simulation.play(profile, [scheduleOf(scenario)], { broken });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
