/** `list`: what is there, newest first. */
import type { Query } from "@image-pipeline/client/client";
import { apiOptions, defineCommand, UsageError, whole } from "./command.ts";
import { connect } from "./connect.ts";
import { line } from "./show.ts";

const statuses = ["pending", "processing", "ready", "rejected", "failed"] as const;

export const list = defineCommand({
  usage: "list",
  summary: "List images, newest first",
  options: {
    status: { type: "string", value: "status", about: `Only those that are ${statuses.join(", ")}` },
    tag: { type: "string", value: "word", about: "Only those with this tag" },
    limit: { type: "string", value: "n", about: "At most so many (50); 0 for all" },
    ...apiOptions,
  },
  examples: [
    "npm run image -- list --status rejected",
    "npm run --silent image -- list --limit 0 --json > images.ndjson",
  ],
  async run({ values, positionals }) {
    if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is too much.`);
    const limit = whole("limit", values.limit, 0, 1_000_000_000) ?? 50;
    const status = statuses.find((one) => one === values.status);
    if (values.status !== undefined && !status) {
      throw new UsageError(`--status takes one of ${statuses.join(", ")}, not "${values.status}".`);
    }
    const client = await connect(values.url);
    const query: Query = { status, tag: values.tag, limit: limit === 0 ? 100 : Math.min(100, limit) };
    let shown = 0;
    for await (const image of client.images.list(query)) {
      if (limit > 0 && shown === limit) {
        if (!values.json) process.stderr.write("There are more: --limit 0 shows all.\n");
        break;
      }
      process.stdout.write(`${values.json ? JSON.stringify(image) : line(image, process.stdout.columns)}\n`);
      shown++;
    }
    if (shown === 0 && !values.json) process.stderr.write("No images.\n");
    return 0;
  },
});
