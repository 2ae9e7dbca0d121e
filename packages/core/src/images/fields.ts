/** Fields of an image that callers set, with their limits, and changes of them. */
import * as v from "valibot";
import { visibilities } from "../table/image-entity.ts";
import { Text } from "../text.ts";

const text = (maxLength: number, description: string) =>
  v.pipe(v.string(), Text.wellFormed, v.minLength(1), v.maxLength(maxLength), v.description(description));

export const filename = text(255, "The client's name for the file.");
export const title = text(200, "Title.");
export const alt = text(1000, "Alternative text for screen readers.");

/** Tag: 1–64 characters in Unicode's composed form (NFC), so that tags that look the same are the same. */
export const tag = v.pipe(
  v.string(),
  Text.wellFormed,
  v.transform((given) => given.normalize("NFC")),
  v.trim(),
  v.minLength(1),
  v.maxLength(64),
);

/** Most tags of one image. */
const tagsMax = 20;

export const tags = v.pipe(
  v.array(tag),
  v.maxLength(tagsMax),
  v.description("Tags to find the image by."),
  v.transform((given) => [...new Set(given)]),
);

/** Maximum number of metadata entries of an image. */
export const metadataMax = 20;

const metadataName = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(64),
  Text.mustBeWellFormed,
  // DynamoDB's client and most programs would set the prototype of an object instead of an entry.
  v.check((name) => name !== "__proto__", "`__proto__` is reserved. Use another name."),
);
const metadataValue = v.pipe(v.string(), Text.wellFormed, v.maxLength(512));

/** One entry of metadata: its name and its value. */
export const metadataEntry = v.tuple([metadataName, metadataValue]);

/** Entries with any other name. Valibot's `record` drops `constructor` and `prototype` without an issue. */
function metadataOf<V extends v.GenericSchema<string | null, string | null>>(
  value: V,
  type: string | readonly string[],
) {
  const named = v.tuple([metadataName, value]);
  return v.pipe(
    v.custom<Record<string, v.InferInput<V>>>(() => true),
    v.rawTransform(({ dataset, addIssue, NEVER }): Record<string, v.InferOutput<V>> => {
      const input: unknown = dataset.value;
      const fail = (message: string, key?: string) =>
        addIssue({ message, ...(key !== undefined && { path: [pathItem(input, key)] }) });
      if (typeof input !== "object" || input === null || Array.isArray(input)) {
        fail("Must be an object whose values are texts.");
        return NEVER;
      }
      const entries = Object.entries(input).map((entry) => ({ entry, result: v.safeParse(named, entry) }));
      for (const { entry, result } of entries)
        for (const { message } of result.issues ?? []) fail(message, entry[0]);
      if (entries.length > metadataMax) fail(`At most ${metadataMax} entries.`);
      return Object.fromEntries(entries.map(({ result }) => result.output as [string, v.InferOutput<V>]));
    }),
    v.metadata({ jsonSchema: { type: "object", additionalProperties: { type, maxLength: 512 } } }),
    v.description(`Custom data: up to ${metadataMax} names with their values.`),
  );
}

const pathItem = (input: unknown, key: string): v.IssuePathItem => ({
  type: "unknown",
  origin: "value",
  input,
  key,
  value: undefined,
});

/** Coordinate from 0 to 1. Rounded: the table accepts no number as small as JSON may have. */
const share = (description: string) =>
  v.pipe(
    v.number(),
    v.minValue(0, "Must be from 0 to 1, a share of the image's width or height."),
    v.maxValue(1, "Must be from 0 to 1, a share of the image's width or height."),
    v.description(description),
    v.transform((given) => Math.round(given * 10_000) / 10_000),
  );

/** Descriptions of coordinates. */
export const across = "From the left edge of the upright image (0) to the right one (1).";
export const down = "From the upper edge of the upright image (0) to the lower one (1).";

const point = v.pipe(
  v.strictObject({ x: share(across), y: share(down) }),
  v.description(
    "Focal point, which cropped variants show as close to their middle as the edges allow. Coordinates are of the image as it is seen, after EXIF orientation, and rounded to four decimals.",
  ),
);

/** The point that crops keep. */
export const focus = v.pipe(point, v.metadata({ ref: "FocusInput" }));

/** The same in a change, where `null` removes it. A separate schema, because clients' generators know no unions. */
const focusChange = v.pipe(v.nullable(point), v.metadata({ ref: "FocusChange" }));

/** Most regions of one image. */
const regionsMax = 20;

const region = v.pipe(
  v.strictObject({
    x: share(across),
    y: share(down),
    width: share("Share of the image's width."),
    height: share("Share of the image's height."),
    kind: v.optional(
      v.pipe(
        v.string(),
        v.regex(
          /^[a-z][a-z0-9_-]{0,31}$/,
          "Must be a word of at most 32 lower-case letters, such as `face`.",
        ),
        v.description("What the region shows, such as `face`."),
      ),
    ),
  }),
  v.check(({ width, height }) => width > 0 && height > 0, "The region is empty."),
  v.check(
    ({ x, y, width, height }) => x + width <= 1.0001 && y + height <= 1.0001,
    "The region ends outside the image.",
  ),
  v.metadata({ ref: "RegionInput" }),
);

/** The parts of the image that crops keep, such as faces. */
export const regions = v.pipe(
  v.array(region),
  v.maxLength(regionsMax, `At most ${regionsMax} regions.`),
  v.description(
    "Regions, such as faces that a phone has detected. Without `focus`, cropped variants show all of them, or the largest if they do not fit.",
  ),
);

/** Who may read the files. */
export const visibility = v.pipe(
  v.picklist(visibilities),
  v.description(
    "`public`: anyone with a URL may read the files. `private`: their URLs are signed and expire; signed cookies of `POST /media-session` open them too. Default: the stage's.",
  ),
);

/** Longest time until an image expires, in milliseconds: ten years. */
const expiryMsMax = 3_653 * 86_400_000;

/** Expiry of an image, in the future. */
export const expiresAt = v.pipe(
  v.string(),
  v.isoTimestamp("Must be an RFC 3339 time such as 2026-11-23T07:34:14Z."),
  v.check((given) => Date.parse(given) > Date.now(), "Must be a time in the future."),
  v.check((given) => Date.parse(given) <= Date.now() + expiryMsMax, "Must be within ten years."),
  v.description("Expiry. From then on no answer shows the image, and it is deleted, without the trash."),
  v.transform((given) => new Date(given).toISOString()),
);

export const metadata = metadataOf(metadataValue, "string");

/** Changes of an image; `null` removes a field, or an entry of `metadata`. */
export const Changes = v.pipe(
  v.strictObject({
    title: v.nullish(title),
    alt: v.nullish(alt),
    tags: v.nullish(tags),
    metadata: v.nullish(metadataOf(v.nullable(metadataValue), ["string", "null"])),
    focus: v.optional(focusChange),
    regions: v.nullish(regions),
    visibility: v.optional(visibility),
    expiresAt: v.nullish(expiresAt),
  }),
  v.metadata({ ref: "Changes" }),
);
