/** `delete`: deletes images with their variants. */
import { ClientError } from "@image-pipeline/client";
import { command, jsonOption, program, urlOption, yesOption } from "./command.ts";
import { confirm } from "./confirm.ts";
import { connect, explain } from "./connect.ts";
import { green, red } from "./format.ts";

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
    for (const id of ids) {
      try {
        await images.remove(id, { permanent });
        const line = json ? JSON.stringify({ id, deleted: true }) : `${green("✓")} ${id} deleted`;
        process.stdout.write(`${line}\n`);
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== "image_not_found") throw error;
        process.stderr.write(`${red("✗")} ${explain(error)}\n`);
        process.exitCode = 1;
      }
    }
  });
