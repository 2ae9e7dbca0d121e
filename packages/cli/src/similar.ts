/** `similar`: lists images that look like another one. */
import { command, jsonOption, program, urlOption, whole } from "./command.ts";
import { connect } from "./connect.ts";
import { dim, header, row } from "./format.ts";

export const similar = command(
  "similar",
  `List images that look like an image

Compares perceptual hashes of 64 bits among the images of the same owner, the closest first. Finds copies that were resized, re-encoded or slightly edited, not crops or rotated ones.`,
  [
    `${program} similar img_01JD0Z6V9RW1QK4C6X4M2N8T3B`,
    `${program} similar img_01JD0Z6V9RW1QK4C6X4M2N8T3B --distance 0 --json`,
  ],
)
  .argument("<id>", "Image id")
  .option("--distance <bits>", "Most bits in which the hashes may differ, 0–10", whole(0, 10), 8)
  .option("--limit <n>", "At most n images", whole(1, 100), 20)
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { distance, limit, url, json }) => {
    const { images } = await connect(url);
    const { items, complete } = await images.similar(id, { distance, limit });
    const { columns = Number.POSITIVE_INFINITY } = process.stdout;
    if (items.length > 0 && !json) process.stdout.write(`${dim(`BITS  ${header(columns - 6)}`)}\n`);
    for (const { distance, image } of items) {
      const text = `${String(distance).padStart(4)}  ${row(image, columns - 6)}`;
      process.stdout.write(`${json ? JSON.stringify({ distance, ...image }) : text}\n`);
    }
    if (json) return;
    if (items.length === 0) process.stderr.write("No similar images.\n");
    else if (!complete) process.stderr.write("There may be more.\n");
  });
