/** `delete`: images with everything that was made of them. */
import { ClientError } from "@image-pipeline/client/client";
import { apiOptions, defineCommand, UsageError } from "./command.ts";
import { confirm } from "./confirm.ts";
import { connect, explain } from "./connect.ts";
import { green, red } from "./terminal.ts";

export const deletion = defineCommand({
  usage: "delete <id>…",
  summary: "Delete images: original, variants and record",
  about: "There is no way back. The audit trail stays: get <id> --events.",
  options: {
    yes: { type: "boolean", short: "y", about: "Do not ask" },
    ...apiOptions,
  },
  examples: ["npm run image -- delete img_01JD0Z6V9RW1QK4C6X4M2N8T3B --yes"],
  async run({ values, positionals: ids }) {
    if (ids.length === 0) throw new UsageError("Which image?");
    const { images } = await connect(values.url);
    const what =
      ids.length === 1 ? `Delete ${ids[0]} for good?` : `Delete these ${ids.length} images for good?`;
    if (!values.yes && !(await confirm(what))) {
      process.stderr.write("Nothing was deleted.\n");
      return 1;
    }
    let failed = 0;
    for (const id of ids) {
      try {
        await images.remove(id);
        process.stdout.write(
          values.json ? `${JSON.stringify({ id, deleted: true })}\n` : `${green("✓")} ${id} deleted\n`,
        );
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== "image_not_found") throw error;
        process.stderr.write(`${red("✗")} ${explain(error)}\n`);
        failed++;
      }
    }
    return failed > 0 ? 1 : 0;
  },
});
