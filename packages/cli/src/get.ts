/** `get`: shows images with their variants, or their events. */
import { type Client, ClientError } from "@image-pipeline/client";
import { command, jsonOption, program, urlOption } from "./command.ts";
import { connect, explain } from "./connect.ts";
import { printable, red, summary } from "./format.ts";

export const get = command("get", "Show images with their variants", [
  `${program} get img_01JD0Z6V9RW1QK4C6X4M2N8T3B --events`,
])
  .argument("<id...>", "Image ids")
  .option("--events", "Show the audit trail instead, oldest first; also of a deleted image")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (ids, { events = false, url, json = false }) => {
    const { images } = await connect(url);
    for (const id of ids) {
      try {
        const lines = events ? await eventLines(images, id, json) : [await imageLine(images, id, json)];
        for (const line of lines) process.stdout.write(`${line}\n`);
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== "image_not_found") throw error;
        process.stderr.write(`${red("✗")} ${explain(error)}\n`);
        process.exitCode = 1;
      }
    }
  });

async function imageLine(images: Client["images"], id: string, json: boolean): Promise<string> {
  const image = await images.get(id);
  return json ? JSON.stringify(image) : `${summary(image)}\n`;
}

async function eventLines(images: Client["images"], id: string, json: boolean): Promise<string[]> {
  return (await images.events(id)).map((event) => {
    if (json) return JSON.stringify({ id, ...event });
    const detail = Object.entries(event.detail ?? {}).map(([name, value]) => `${name} ${printable(value)}`);
    const by = `by ${printable(event.by)}`;
    return `${event.at}  ${event.type.padEnd(11)}  ${by}  ${detail.join(", ")}`.trimEnd();
  });
}
