/** Schemas of an image as callers see it, and of its fields. The HTTP API and its document derive from them. */
import * as v from "valibot";
import { type Format, formats, type Name, names } from "../engine/recipe.ts";
import { codes } from "../engine/rejection.ts";
import { ID } from "../id.ts";
import { importCodes } from "../records/message.ts";
import { visibilities, visibleStatuses } from "../table/image-entity.ts";
import { Text } from "../text.ts";

const text = (maxLength: number, description: string) =>
  v.pipe(v.string(), Text.wellFormed, v.minLength(1), v.maxLength(maxLength), v.description(description));
const int64 = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.metadata({ format: "int64" }), v.description(description));
const pixels = (description: string) =>
  v.pipe(v.number(), v.integer(), v.minValue(1), v.metadata({ format: "int32" }), v.description(description));
const time = (description: string) => v.pipe(v.string(), v.isoTimestamp(), v.description(description));

const url = v.pipe(
  v.string(),
  v.description(
    "Absolute. That of a public file is immutable and may be cached for ever; that of a private file is signed and valid until `urlsExpireAt`.",
  ),
);

const fileBytes = v.optional(
  int64("Size of the file. Absent if it is lazy: made when it is first requested, and then stored."),
);

/** A file of a variant that has several formats. */
export const File = v.pipe(
  v.object({ url, contentType: v.string(), bytes: fileBytes }),
  v.metadata({ ref: "VariantFile" }),
);

const variantFormats = v.optional(
  v.pipe(
    v.object(
      Object.fromEntries(formats.map((format) => [format, v.optional(File)])) as Record<
        Format,
        v.OptionalSchema<typeof File, undefined>
      >,
    ),
    v.description(
      "The same image in each of its formats, if there are several. `url` then answers with the first of AVIF, WebP and JPEG that the request's `Accept` names, else with `format`, which most clients support.",
    ),
    v.metadata({ ref: "VariantFormats" }),
  ),
);

/** A further width of a variant. */
export const Width = v.pipe(
  v.object({ url, width: pixels("In pixels."), height: pixels("In pixels."), formats: variantFormats }),
  v.metadata({ ref: "VariantWidth" }),
);

/** A variant. */
export const Variant = v.pipe(
  v.object({
    url,
    width: pixels("In pixels."),
    height: pixels("In pixels."),
    format: v.pipe(v.string(), v.description("`webp`, `jpeg` or `avif`.")),
    contentType: v.string(),
    bytes: fileBytes,
    formats: variantFormats,
    widths: v.optional(
      v.pipe(
        v.array(Width),
        v.description(
          "The same image in further widths, narrowest first, for a `srcset`. Their files are lazy: made when they are first requested.",
        ),
      ),
    ),
  }),
  v.metadata({ ref: "Variant" }),
);

/** Facts about the original. Unknown ones are absent, and so is the location unless the stage records it. */
export const Source = v.pipe(
  v.object({
    key: v.pipe(v.string(), v.description("Key in the uploads bucket.")),
    url: v.optional(
      v.pipe(v.string(), v.description("URL that the image was imported from, without its query.")),
    ),
    bytes: v.optional(int64("Size of the original.")),
    contentType: v.optional(v.string()),
    format: v.optional(
      v.pipe(v.string(), v.description("Format of the bytes, regardless of filename and content type.")),
    ),
    width: v.optional(pixels("In pixels, after orientation.")),
    height: v.optional(pixels("In pixels, after orientation.")),
    sha256: v.optional(v.pipe(v.string(), v.description("SHA-256 of the original, in hex."))),
    alpha: v.optional(v.pipe(v.boolean(), v.description("The image has an alpha channel."))),
    frames: v.optional(v.pipe(v.number(), v.integer(), v.metadata({ format: "int32" }))),
    hdr: v.optional(
      v.pipe(v.boolean(), v.description("The original is HDR: PQ, HLG or a gain map. The variants are SDR.")),
    ),
    perceptualHash: v.optional(
      v.pipe(
        v.string(),
        v.description("Perceptual hash (dHash): 64 bits in hex. Similar images differ in few bits."),
      ),
    ),
    takenAt: v.optional(
      v.pipe(
        v.string(),
        v.description("Time of capture by the camera's clock, with its UTC offset if known."),
      ),
    ),
    camera: v.optional(v.string()),
    lens: v.optional(v.string()),
    location: v.optional(
      v.pipe(
        v.object({ latitude: v.number(), longitude: v.number(), altitude: v.optional(v.number()) }),
        v.metadata({ ref: "Location" }),
      ),
    ),
  }),
  v.metadata({ ref: "Source" }),
);

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

const across = "From the left edge of the upright image (0) to the right one (1).";
const down = "From the upper edge of the upright image (0) to the lower one (1).";

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

/** A focal point as callers see it. A schema is of requests or of responses: those of responses stay open. */
const Focus = v.pipe(
  v.object({
    x: v.pipe(v.number(), v.description(across)),
    y: v.pipe(v.number(), v.description(down)),
  }),
  v.metadata({ ref: "Focus" }),
);

/** A region as callers see it. */
const Region = v.pipe(
  v.object({
    ...Focus.entries,
    width: v.pipe(v.number(), v.description("Share of the image's width.")),
    height: v.pipe(v.number(), v.description("Share of the image's height.")),
    kind: v.optional(v.pipe(v.string(), v.description("What the region shows, such as `face`."))),
  }),
  v.metadata({ ref: "Region" }),
);

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

export const Info = v.pipe(
  v.object({
    id: v.pipe(ID.imageID, v.description("Id of the image; never changes.")),
    status: v.pipe(v.picklist(visibleStatuses), v.description("Status. More statuses may be added.")),
    version: v.pipe(
      v.number(),
      v.integer(),
      v.metadata({ format: "int32" }),
      v.description("Version; increases with every change and is part of the ETag."),
    ),
    owner: v.pipe(ID.owner, v.description("Owner.")),
    filename: v.optional(filename),
    title: v.optional(title),
    alt: v.optional(alt),
    tags: v.optional(v.array(v.string())),
    metadata: v.optional(v.record(v.string(), v.string())),
    focus: v.optional(Focus),
    regions: v.optional(v.array(Region)),
    visibility: v.pipe(
      v.picklist(visibilities),
      v.description("Who may read the files: anyone with a URL, or holders of a signature."),
    ),
    source: Source,
    placeholder: v.optional(
      v.pipe(
        v.object({
          thumbhash: v.pipe(
            v.string(),
            v.description("A blurred preview in about 25 bytes, base64: https://evanw.github.io/thumbhash"),
          ),
          color: v.pipe(v.string(), v.description("The dominant colour, such as #7a8b9c.")),
        }),
        v.metadata({ ref: "Placeholder" }),
      ),
    ),
    variants: v.optional(
      v.pipe(
        v.object(
          Object.fromEntries(names.map((name) => [name, v.optional(Variant)])) as Record<
            Name,
            v.OptionalSchema<typeof Variant, undefined>
          >,
        ),
        v.metadata({ ref: "Variants" }),
      ),
    ),
    urlsExpireAt: v.optional(
      time(
        "Expiry of the signed URLs in `variants`, of a `private` image. Get the image again before, for new ones.",
      ),
    ),
    createdAt: time("Time of creation, or of the first event of its object."),
    updatedAt: time("Time of the last change."),
    processedAt: v.optional(time("Time at which its variants were made, or it was rejected.")),
    expiresAt: v.optional(time("Expiry: the time after which the image is deleted.")),
    trash: v.optional(
      v.pipe(
        v.object({
          at: time("Time at which the image was put into the trash."),
          until: time("Time after which it is deleted, unless it is restored before."),
        }),
        v.metadata({ ref: "Trash" }),
      ),
    ),
    deferredUntil: v.optional(
      time(
        "Of a `pending` image whose owner's share of the day's processing is used up: the time after which it is processed.",
      ),
    ),
    error: v.optional(
      v.pipe(
        v.object({
          code: v.pipe(
            v.string(),
            v.description(
              `Code of the rejection (\`${codes.join("`, `")}\`, or \`quota_exceeded\` for a presigned form that was used again above the quota), failed import (\`${importCodes.join("`, `")}\`) or failure (\`processing_failed\`). More codes may be added.`,
            ),
          ),
          message: v.string(),
        }),
        v.metadata({ ref: "ImageError" }),
      ),
    ),
  }),
  v.metadata({ ref: "Image" }),
);
export type Info = v.InferOutput<typeof Info>;

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
