/** `get`: everything about some images. */
import { ClientError } from "@image-pipeline/client/client";
import { apiOptions, defineCommand, UsageError } from "./command.ts";
import { connect, explain } from "./connect.ts";
import { summary } from "./show.ts";
import { printable, red } from "./terminal.ts";

export const get = defineCommand({
  usage: "get <id>…",
  summary: "Show images with their variants",
  options: {
    events: {
      type: "boolean",
      about: "What happened to each, oldest first, instead; also after its deletion",
    },
    ...apiOptions,
  },
  examples: ["npm run image -- get img_01JD0Z6V9RW1QK4C6X4M2N8T3B --events"],
  async run({ values, positionals: ids }) {
    if (ids.length === 0) throw new UsageError("Which image?");
    const { images } = await connect(values.url);
    let missing = 0;
    for (const id of ids) {
      try {
        if (values.events) {
          for (const event of await images.events(id)) {
            const detail = Object.entries(event.detail ?? {}).map(
              ([name, value]) => `${name} ${printable(value)}`,
            );
            const words = `${event.at}  ${event.type.padEnd(11)}  by ${printable(event.by)}  ${detail.join(", ")}`;
            process.stdout.write(`${values.json ? JSON.stringify({ id, ...event }) : words.trimEnd()}\n`);
          }
        } else {
          const image = await images.get(id);
          process.stdout.write(`${values.json ? JSON.stringify(image) : `${summary(image)}\n`}\n`);
        }
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== "image_not_found") throw error;
        process.stderr.write(`${red("✗")} ${explain(error)}\n`);
        missing++;
      }
    }
    return missing > 0 ? 1 : 0;
  },
});
