/** `delete`: deletes images with their variants. */
import { command, jsonOption, program, urlOption, yesOption } from "./command.ts";
import { confirm } from "./confirm.ts";
import { connect } from "./connect.ts";
import { green, printable, red } from "./format.ts";

/** Most images of one request. */
const batchMax = 100;

export const deletion = command(
  "delete",
  `Delete images: original, variants and record

A deletion cannot be undone through the API. A production stage keeps the object
versions for 30 days; --permanent removes them within about half an hour. The audit trail stays: get <id> --events.`,
  [
    `${program} delete img_01JD0Z6V9RW1QK4C6X4M2N8T3B --yes`,
    `${program} delete img_01JD0Z6V9RW1QK4C6X4M2N8T3B --permanent`,
  ],
)
  .argument("<id...>", "Image ids")
  .option("--permanent", "Remove the noncurrent object versions too")
  .addOption(yesOption())
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (ids, { permanent, yes, url, json }) => {
    const { images } = await connect(url);
    const which = ids.length === 1 ? ids[0] : `these ${ids.length} images`;
    if (
      !yes &&
      !(await confirm(`Delete ${which}${permanent ? " with all versions" : ""}? This cannot be undone.`))
    ) {
      process.stderr.write("Nothing was deleted.\n");
      process.exitCode = 1;
      return;
    }
    for (let from = 0; from < ids.length; from += batchMax) {
      const operations = ids
        .slice(from, from + batchMax)
        .map((id) => ({ op: "delete" as const, id, permanent }));
      const { results } = await images.batch(operations);
      for (const { id, problem } of results) {
        if (problem) {
          process.stderr.write(`${red("✗")} ${id}: ${printable(problem.detail ?? problem.title)}\n`);
          process.exitCode = 1;
          continue;
        }
        const line = json ? JSON.stringify({ id, deleted: true }) : `${green("✓")} ${id} deleted`;
        process.stdout.write(`${line}\n`);
      }
    }
  });
