/**
 * Slots: at most so many holders of an owner at once, across all processes. A slot is a row that is taken by a
 * conditional write, so that requests in parallel never take more than there are. It ends by itself, so that a crash
 * cannot hold it for ever.
 */
export * as Slots from "./slots.ts";

import type { EntityItem } from "electrodb";
import { isConditionFailure } from "../records/record.ts";
import { SlotEntity } from "../table/slot-entity.ts";

type Slot = EntityItem<typeof SlotEntity>;

/** A request for a slot. `max` is the number of slots, `seconds` the life of this one. */
export type Wanted = {
  owner: string;
  kind: Slot["kind"];
  holder: string;
  max: number;
  seconds: number;
  /** Finds the holders that no longer need their slots. Asked only if no slot is free. */
  done?(slots: readonly Slot[]): Promise<ReadonlySet<string>>;
};

/** Takes a slot; again for the same holder too. Returns false if all are held. */
export async function take(wanted: Wanted): Promise<boolean> {
  // Each refused write is one of another holder that took that slot: there are at most as many as slots.
  for (let tries = 0; tries <= wanted.max; tries++) {
    const taken = await attempt(wanted);
    if (taken !== undefined) return taken;
  }
  return false;
}

/** Returns undefined if another request took the chosen slot first. */
async function attempt(wanted: Wanted): Promise<boolean | undefined> {
  const { owner, kind, max, holder } = wanted;
  const { data } = await SlotEntity.query.byOwner({ owner, kind }).go({ consistent: true, pages: "all" });
  if (data.some((slot) => slot.holder === holder && isHeld(slot))) return true;
  const rows = new Map(data.map((slot) => [slot.slot, slot]));
  if (data.filter(isHeld).length >= max) {
    const done = (await wanted.done?.(data)) ?? new Set();
    const over = data.filter((slot) => done.has(slot.holder));
    await Promise.all(over.map((slot) => removeIfHeldBy(slot, slot.holder)));
    for (const { slot } of over) rows.delete(slot);
    if ([...rows.values()].filter(isHeld).length >= max) return false;
  }
  const names = Array.from({ length: max }, (_, index) => String(index).padStart(4, "0"));
  const free = names.filter((name) => !isHeld(rows.get(name)));
  // At random, so that requests in parallel rarely want the same one.
  const slot = free[Math.floor(Math.random() * free.length)];
  if (slot === undefined) return false;
  return (await claim({ ...wanted, slot }, rows.get(slot)?.holder)) ? true : undefined;
}

/** Gives a holder's slot back. Idempotent. */
export async function release({
  owner,
  kind,
  holder,
}: Pick<Wanted, "owner" | "kind" | "holder">): Promise<void> {
  const { data } = await SlotEntity.query.byOwner({ owner, kind }).go({ consistent: true, pages: "all" });
  const held = data.filter((slot) => slot.holder === holder);
  await Promise.all(held.map((slot) => removeIfHeldBy(slot, holder)));
}

/** Takes a slot that is free, or that `before` held until its end. */
async function claim(
  { owner, kind, slot, holder, seconds }: Wanted & { slot: string },
  before: string | undefined,
): Promise<boolean> {
  const takenAt = Date.now();
  const endsAt = takenAt + seconds * 1000;
  const row = { owner, kind, slot, holder, takenAt, endsAt, expiresAt: Math.ceil(endsAt / 1000) };
  try {
    await SlotEntity.put(row)
      .where((row, { eq, notExists }) =>
        before === undefined
          ? notExists(row.holder)
          : `${notExists(row.holder)} OR ${eq(row.holder, before)}`,
      )
      .go();
    return true;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    // A write that timed out may have been applied. Its retry then fails its own condition.
    const { data } = await SlotEntity.get({ owner, kind, slot }).go({ consistent: true });
    return data?.holder === holder;
  }
}

async function removeIfHeldBy({ owner, kind, slot }: Slot, holder: string): Promise<void> {
  try {
    await SlotEntity.remove({ owner, kind, slot })
      .where((row, { eq }) => eq(row.holder, holder))
      .go();
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
  }
}

const isHeld = (slot: Slot | undefined) => slot !== undefined && slot.endsAt > Date.now();
