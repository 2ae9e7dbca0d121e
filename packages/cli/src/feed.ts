/** `changes`: lists the images of an owner that changed or are gone, oldest change first. */
import type { Change } from "@image-pipeline/client";
import { command, jsonOption, program, urlOption } from "./command.ts";
import { connect } from "./connect.ts";
import { dim, header, row } from "./format.ts";

const about = `List changes of images, oldest change first

Without --since, lists all images, and then the cursor to continue with. With --json every change is a line, and after each page a line with nextCursor; keep the last one. An image that changes twice is listed once, with its newest state.`;

/** Seconds for which the API holds a request of --follow. */
const waitSeconds = 20;

/** Pause after a request that the API did not hold, because too many others wait. */
const pauseMs = 2_000;

export const feed = command("changes", about, [
  `${program} changes`,
  `${program} changes --follow`,
  "npm run --silent image -- changes --json --since CURSOR >> changes.ndjson",
])
  .option("--since <cursor>", "Only changes after this cursor, which an earlier run has printed")
  .option("--owner <owner>", "Images of this owner, for an API key that has none")
  .option("--follow", "Wait for further changes, until interrupted")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async ({ since, owner, follow, url, json }) => {
    const client = await connect(url);
    const { columns } = process.stdout;
    let isFirst = true;
    let cursor = since;
    for (;;) {
      const began = Date.now();
      const wait = follow ? waitSeconds : undefined;
      const { items, nextCursor, more } = await client.images.changes({ since: cursor, owner, wait });
      cursor = nextCursor;
      if (isFirst && !json && items.length > 0) process.stdout.write(`${dim(header(columns))}\n`);
      isFirst &&= items.length === 0;
      for (const item of items)
        process.stdout.write(`${json ? JSON.stringify(item) : lineOf(item, columns)}\n`);
      if (json && (items.length > 0 || !follow)) process.stdout.write(`${JSON.stringify({ nextCursor })}\n`);
      if (more) continue;
      if (!follow) break;
      if (items.length === 0 && Date.now() - began < pauseMs)
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    if (!json) process.stderr.write(`Continue with --since ${cursor}\n`);
  });

const lineOf = ({ id, at, image }: Change, columns: number | undefined): string =>
  image ? row(image, columns) : `${id}  ${dim(`gone since ${at}`)}`;
