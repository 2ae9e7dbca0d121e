/** Scenarios of the trash, and of images that expire. */
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { profiles } from "../faults.ts";
import { now, only, other, runToEnd, runUntil } from "../scheduler.ts";
import { announce, fileOf, pathIn, put, rules, type Scenario } from "./steps.ts";

const { full } = profiles;

/** By the name of the mutant. */
export const trash: Record<string, Scenario> = {
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
};

/** A time that the next two hours pass. */
const soon = () => new Date(now() + 3_600_000).toISOString();

/** A record as if it were not in the trash. */
const taken = (record: ImageRecord | undefined): ImageRecord | undefined =>
  record?.trash ? { ...record, status: record.trash.status, trash: undefined } : record;
