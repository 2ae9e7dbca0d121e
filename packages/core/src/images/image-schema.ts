/** Schemas of an image as callers see it. The HTTP API and its document derive from them. */
import * as v from "valibot";
import { type Format, formats, type Name, names } from "../engine/recipe.ts";
import { codes } from "../engine/rejection.ts";
import { ID } from "../id.ts";
import { importCodes } from "../records/message.ts";
import { visibilities, visibleStatuses } from "../table/image-entity.ts";
import { across, alt, down, filename, title } from "./fields.ts";

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
