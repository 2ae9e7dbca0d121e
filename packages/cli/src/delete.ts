/** `delete` and `restore`: put images into the trash or delete them, and take them out of it. */
import type { BatchResults, Health } from "@image-pipeline/client";
import { command, jsonOption, program, urlOption, yesOption } from "./command.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import { green, printable, red, yellow } from "./format.ts";

export const deletion = command(
  "delete",
  `Delete images: original, variants and record

A stage with a trash (TRASH_DAYS) keeps the original for some days: restore <id> brings the image back. --permanent deletes it at once, and removes the object versions that a production stage would keep for 30 days within about half an hour. The audit trail stays: get <id> --events.`,
  [
    `${program} delete img_01JD0Z6V9RW1QK4C6X4M2N8T3B --yes`,
    `${program} delete img_01JD0Z6V9RW1QK4C6X4M2N8T3B --permanent`,
  ],
)
  .argument("<id...>", "Image ids")
  .option("--permanent", "Delete at once, without the trash, and with all object versions")
  .addOption(yesOption())
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (ids, { permanent, yes, url, json }) => {
    const { images, health } = await connect(url);
    const which = ids.length === 1 ? ids[0] : `these ${ids.length} images`;
    if (!yes && !(await confirm(questionOf(which, permanent ? undefined : await health())))) {
      process.stderr.write("Nothing was deleted.\n");
      process.exitCode = 1;
      return;
    }
    for (const some of chunksOf(ids)) {
      const done = succeeded(
        await images.batch(some.map((id) => ({ op: "delete" as const, id, permanent }))),
      );
      const trashed = permanent ? [] : await images.many(done.map(({ id }) => id));
      const untils = new Map(trashed.map(({ id, trash }) => [id, trash?.until]));
      for (const { id } of done) {
        const until = untils.get(id);
        const line = `${green("✓")} ${id} ${until ? `moved to the trash until ${until}` : "deleted"}`;
        const result = until ? { id, trashed: true, until } : { id, deleted: true };
        process.stdout.write(`${json ? JSON.stringify(result) : line}\n`);
      }
    }
  });

export const restoration = command(
  "restore",
  `Restore images from the trash

Their variants are made again, from the original and under new URLs. list --status trashed shows what is in the trash.`,
  [
    `${program} restore img_01JD0Z6V9RW1QK4C6X4M2N8T3B`,
    `npm run --silent image -- list --status trashed --json`,
  ],
)
  .argument("<id...>", "Image ids")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (ids, { url, json }) => {
    const { images } = await connect(url);
    for (const some of chunksOf(ids))
      for (const { id, image } of succeeded(
        await images.batch(some.map((id) => ({ op: "restore" as const, id }))),
      )) {
        const line = `${yellow("…")} ${id} restored, ${image?.status}`;
        process.stdout.write(`${json ? JSON.stringify(image) : line}\n`);
      }
  });

/** Asks about a deletion, with what can be undone of it. Without `health`, of a permanent one. */
function questionOf(which: string | undefined, health?: Health): string {
  if (!health) return `Delete ${which} with all versions? This cannot be undone.`;
  const { trashDays } = health;
  if (trashDays === 0) return `Delete ${which}? This stage has no trash: this cannot be undone.`;
  return `Move ${which} to the trash? restore brings it back for ${trashDays === 1 ? "a day" : `${trashDays} days`}.`;
}

/** Most images of one request. */
const batchMax = 100;

const chunksOf = (ids: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(ids.length / batchMax) }, (_, n) =>
    ids.slice(n * batchMax, (n + 1) * batchMax),
  );

/** Prints the failures of a batch, and returns the other results. */
function succeeded({ results }: BatchResults): BatchResults["results"] {
  return results.filter(({ id, problem }) => {
    if (!problem) return true;
    process.stderr.write(`${red("✗")} ${id}: ${printable(problem.detail ?? problem.title)}\n`);
    process.exitCode = 1;
    return false;
  });
}
