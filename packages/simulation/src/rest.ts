/** Brings a world to rest and says what is not as it was promised. */
import { Protocol } from "@image-pipeline/core/records/protocol";
import { names } from "@image-pipeline/local/environment";
import type { Weather } from "./acts.ts";
import { nextTimer, now } from "./clock.ts";
import type { World } from "./world.ts";

const dayMs = 86_400_000;

/** Retries end after less than this: each message is received six times and then buried. */
const roundsMax = 200_000;
const passesMax = 12;

/** Finds everything that is wrong in a quiet world: with the reconciler's help, or by events alone. */
export async function comeToRest(world: World, weather: Weather): Promise<void> {
  const { witness } = world;
  for (let pass = 0, still = false; weather.reconciler && !still && pass < passesMax; pass++) {
    // Longer than anything is kept or put off.
    await world.wait(2 * dayMs);
    const before = witness.writes;
    for (const job of ["compare", "stuck", "sweep"] as const) {
      world.reconcile(job, 900);
      await untilQuiet(world);
    }
    still = pass > 0 && witness.writes === before;
  }
  checkImages(world, weather);
  if (weather.reconciler) checkOrphans(world);
  if (weather.api) await checkLists(world);
  if (weather.reconciler) await checkNumbers(world);
  await checkHistory(world);
  // A month later, when tombstones are gone.
  await world.wait(31 * dayMs);
  await world.stage.expire();
  witness.expired();
  await checkHistory(world);
}

/** Lets everything go its way, without any more faults, until nothing moves. */
export async function untilQuiet(world: World): Promise<void> {
  await world.wait(0);
  for (let rounds = 0; world.isBusy(); rounds++) {
    await world.wait((nextTimer() ?? now()) - now());
    if (rounds > roundsMax) {
      world.witness.wrong.add("it does not come to rest");
      return;
    }
  }
}

/** I1, I2 and I4: every object has one record, settled, of its own bytes; and nothing else has one. */
function checkImages({ witness, files, count }: World, { reconciler }: Weather) {
  const { uploads, records, wrong } = witness;
  const byKey = Map.groupBy(records.values(), ({ key }) => key);
  for (const [key, { etag }] of uploads) {
    const [record, ...more] = byKey.get(key) ?? [];
    const file = files.find((file) => file.etag === etag);
    if (!record) wrong.add("an object has no record");
    else if (more.length > 0) wrong.add("an object has two records");
    else if (!["ready", "rejected", "failed"].includes(record.status))
      wrong.add(`an object is left ${record.status}`);
    else if (record.etag !== etag) wrong.add("a record is of another upload");
    else if (record.status === "rejected" && file?.color) wrong.add("a good image was rejected");
    else if (record.status === "failed") {
      count("good image ends failed");
      if (reconciler && record.dueAt) wrong.add("a failed image is never tried again");
    }
  }
  for (const { key, status } of records.values())
    if (!uploads.has(key) && status !== "deleted" && (reconciler || status !== "pending"))
      wrong.add(`a ghost is left ${status}`);
}

/** I7: nothing lies in the processed bucket that no record names. */
function checkOrphans({ witness }: World) {
  const used = new Set<string>();
  for (const record of witness.records.values())
    if (record.status !== "deleted") for (const key of Protocol.keysOf(record)) used.add(key);
  for (const key of witness.variants.keys()) if (!used.has(key)) witness.wrong.add("an orphan is left");
}

/** I14: walking a list shows each image once, and each image is found by its tags. */
async function checkLists(world: World) {
  const { records, wrong } = world.witness;
  const visible = [...records.values()].filter(
    ({ owner, status, expiresAt }) =>
      owner === "default" &&
      status !== "deleted" &&
      status !== "deleting" &&
      (expiresAt ?? Infinity) * 1000 > now(),
  );
  const limit = visible.length > 30 ? 100 : 3;
  const all = await walk(world, `/images?limit=${limit}`);
  if (
    !isSame(
      all,
      visible.map(({ imageID }) => imageID),
    )
  )
    wrong.add("the list does not show every image once");
  for (const tag of ["cat", "dog"]) {
    const tagged = visible.filter(({ tags }) => tags?.includes(tag)).map(({ imageID }) => imageID);
    const found = await walk(world, `/images?limit=${limit}&tag=${tag}`);
    if (!isSame(found, tagged)) wrong.add("an image is not found by its tag");
  }
}

/** What is counted along the way is what there is, once the reconciler has compared. */
async function checkNumbers({ witness, stage }: World) {
  const { wrong, records } = witness;
  for (const [status, number] of Object.entries(await stage.census())) {
    const there = [...records.values()].filter((record) => record.status === status);
    if (there.length !== number)
      wrong.add(`${number} images are counted ${status}, there are ${there.length}`);
  }
}

async function walk({ stage }: World, path: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const response = await stage.app.request(cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path);
    const page = (await response.json()) as { items: { id: string }[]; nextCursor?: string };
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor);
  return ids;
}

const isSame = (a: readonly string[], b: readonly string[]) => a.toSorted().join() === b.toSorted().join();

/** The audit trail tells what truly happened to each image, each transition once and in order. */
async function checkHistory({ witness, stage }: World) {
  for (const [imageID, truth] of witness.truth) {
    const response = await stage.app.request(`/images/${imageID}/events`);
    const { items = [] } = (await response.json()) as { items?: { type: string; by: string }[] };
    const told = items.map(({ type, by }) => `${type} by ${by}`).join();
    if (told !== truth.map(({ type, by }) => `${type} by ${by}`).join())
      witness.wrong.add("the audit trail is not what happened");
  }
}

/** Empties the stage for the next world. */
export async function clear(world: World): Promise<void> {
  const { witness, stage } = world;
  await world.powerCut();
  for (const key of [...witness.uploads.keys()]) await stage.remove(names.uploads, key);
  for (const key of [...witness.variants.keys()]) await stage.remove(names.processed, key);
  await world.powerCut();
  await stage.forget(witness.keys);
}
