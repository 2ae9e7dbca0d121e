/** `list`: lists images, newest first. */
import { Option } from "@commander-js/extra-typings";
import type { Query } from "@image-pipeline/client/client";
import { command, jsonOption, program, urlOption, whole } from "./command.ts";
import { connect } from "./connect.ts";
import { dim, header, row } from "./format.ts";

const statuses = ["pending", "processing", "ready", "rejected", "failed"] as const;

/** Images in one answer of the API. */
const pageMax = 100;

export const list = command("list", "List images, newest first", [
  `${program} list --status rejected`,
  "npm run --silent image -- list --limit 0 --json > images.ndjson",
])
  .addOption(new Option("--status <status>", "Only images with this status").choices(statuses))
  .option("--tag <tag>", "Only images with this tag")
  .option("--limit <n>", "At most n images; 0 for all", whole(0, 1_000_000_000), 50)
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async ({ status, tag, limit, url, json }) => {
    const client = await connect(url);
    const query: Query = { status, tag, limit: limit === 0 ? pageMax : Math.min(pageMax, limit) };
    const { columns } = process.stdout;
    let shown = 0;
    for await (const image of client.images.list(query)) {
      if (limit > 0 && shown === limit) {
        if (!json) process.stderr.write("There are more: --limit 0 lists all.\n");
        break;
      }
      if (shown === 0 && !json) process.stdout.write(`${dim(header(columns))}\n`);
      process.stdout.write(`${json ? JSON.stringify(image) : row(image, columns)}\n`);
      shown++;
    }
    if (shown === 0 && !json) process.stderr.write("No images.\n");
  });
