/** `edit`: changes the description, the focal point, the visibility and the expiry of images. */
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Changes } from "@image-pipeline/client";
import { collect, command, expiry, jsonOption, program, UsageError, urlOption } from "./command.ts";
import { connect } from "./connect.ts";
import { summary } from "./format.ts";

export const edit = command(
  "edit",
  `Change an image's description, focal point, visibility and expiry

An empty text removes a field. After another focal point the cropped variants are made again under new URLs, and after another visibility all of them; the command waits for them.`,
  [
    `${program} edit img_01JD0Z6V9RW1QK4C6X4M2N8T3B --title "The old lighthouse" --tag sea`,
    `${program} edit img_01JD0Z6V9RW1QK4C6X4M2N8T3B --focus 0.3,0.2`,
    `${program} edit img_01JD0Z6V9RW1QK4C6X4M2N8T3B --focus none`,
    `${program} edit img_01JD0Z6V9RW1QK4C6X4M2N8T3B --visibility private`,
    `${program} edit img_01JD0Z6V9RW1QK4C6X4M2N8T3B --expires 30d`,
  ],
)
  .argument("<id>", "Image id")
  .option("--title <text>", "Title")
  .option("--alt <text>", "Alternative text")
  .option("--tag <tag>", "Tag, in place of all others; may be repeated", collect)
  .option("--focus <x,y>", "Point that crops keep, 0 to 1 from left and from top; none removes it", point)
  .addOption(
    new Option("--visibility <visibility>", "Who may read the files").choices(["public", "private"] as const),
  )
  .option("--expires <time>", "Delete it at this time, or after so long: 30d, 12h; none removes it", expires)
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { title, alt, tag, focus, visibility, expires, url, json }) => {
    const changes: Changes = {
      ...(title !== undefined && { title: title || null }),
      ...(alt !== undefined && { alt: alt || null }),
      ...(tag && { tags: tag }),
      ...(focus !== undefined && { focus }),
      ...(visibility && { visibility }),
      ...(expires !== undefined && { expiresAt: expires }),
    };
    if (Object.keys(changes).length === 0)
      throw new UsageError("Name a change: --title, --alt, --tag, --focus, --visibility or --expires.");
    const { images } = await connect(url);
    const changed = await images.update(id, changes);
    const isMade = changed.variants !== undefined || changed.processedAt !== undefined;
    const isMoved = focus !== undefined || visibility !== undefined;
    const image = isMoved && isMade ? await images.wait(id) : changed;
    process.stdout.write(json ? `${JSON.stringify(image)}\n` : `${summary(image)}\n`);
  });

/** Parses an expiry; `none` is null. */
function expires(given: string): string | null {
  return given === "none" ? null : expiry(given);
}

/** Parses a focal point; `none` is null. */
function point(given: string): { x: number; y: number } | null {
  if (given === "none") return null;
  const [x, y, ...more] = given.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  const isShare = (value: number | undefined): value is number =>
    value !== undefined && value >= 0 && value <= 1;
  if (isShare(x) && isShare(y) && more.length === 0) return { x, y };
  throw new InvalidArgumentError("It must be two numbers from 0 to 1 such as 0.3,0.2, or none.");
}
