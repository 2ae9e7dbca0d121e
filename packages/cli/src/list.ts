/** `list`: lists or counts images, newest first. */
import { Option } from "@commander-js/extra-typings";
import type { Filters, Query } from "@image-pipeline/client";
import { collect, command, jsonOption, program, time, UsageError, urlOption, whole } from "./command.ts";
import { connect } from "./connect.ts";
import { dim, header, row } from "./format.ts";

const statuses = ["pending", "processing", "ready", "rejected", "failed", "trashed"] as const;
const formats = ["jpeg", "png", "webp", "avif", "heic", "gif", "tiff"] as const;

/** Images in one answer of the API. */
const pageMax = 100;

const about = `List images, newest first

Filters may be combined, up to ten tags, words, metadata entries, formats and statuses. --taken-after, --taken-before and --order-by takenAt work with each other and with --order only. Times are RFC 3339 or days (2026-11-23, in UTC); --…-after is inclusive, --…-before exclusive.`;

export const list = command("list", about, [
  `${program} list --status rejected`,
  `${program} list --status trashed`,
  `${program} list --tag sea --tag summer --search 'light*'`,
  `${program} list --taken-after 2026-07-01 --taken-before 2026-08-01`,
  `${program} list --metadata postId=42 --count`,
  "npm run --silent image -- list --limit 0 --json > images.ndjson",
])
  .addOption(
    new Option(
      "--status <status>",
      "Only images with this status; trashed ones are in no other list",
    ).choices(statuses),
  )
  .option("--tag <tag>", "Only images with this tag; may be repeated, for images with all of them", collect)
  .addOption(new Option("--format <format>", "Only images whose original has this format").choices(formats))
  .option("--search <words>", "Only images with these words; one may end with * and is a prefix")
  .option("--metadata <name=value>", "Only images with this metadata entry; may be repeated", collect)
  .option("--created-after <time>", "Only images created at this time or later", time)
  .option("--created-before <time>", "Only images created before this time", time)
  .option("--taken-after <time>", "Only images taken at this time or later", time)
  .option("--taken-before <time>", "Only images taken before this time", time)
  .addOption(
    new Option("--order-by <what>", "List by this time (default: createdAt)").choices([
      "createdAt",
      "takenAt",
    ] as const),
  )
  .addOption(
    new Option("--order <order>", "desc: newest first, asc: oldest first").choices(["desc", "asc"] as const),
  )
  .option("--limit <n>", "At most n images; 0 for all", whole(0, 1_000_000_000), 50)
  .option("--count", "Print only the number of images, up to 1,000")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async ({ limit, count, url, json, search, metadata = [], order, orderBy, ...given }) => {
    const client = await connect(url);
    const filters: Filters = {
      ...given,
      q: search,
      metadata: Object.fromEntries(metadata.map(entryOf)),
    };
    if (count) {
      const counted = await client.images.count(filters);
      const line = json ? JSON.stringify(counted) : `${counted.count}${counted.estimate ? " or more" : ""}`;
      process.stdout.write(`${line}\n`);
      return;
    }
    const page = limit === 0 ? pageMax : Math.min(pageMax, limit);
    const query: Query = { ...filters, order, orderBy, limit: page };
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

/** Splits NAME=VALUE at its first equals sign. */
function entryOf(given: string): [name: string, value: string] {
  const at = given.indexOf("=");
  if (at < 1)
    throw new UsageError(`--metadata ${JSON.stringify(given)} is not NAME=VALUE, such as postId=42.`);
  return [given.slice(0, at), given.slice(at + 1)];
}
