/** Schemas of the image routes' requests and responses, where they differ from the domain's. Those of lists: `list-schema.ts`. */
import { ID } from "@image-pipeline/core/id";
import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { Import } from "@image-pipeline/core/images/import";
import { Similar } from "@image-pipeline/core/images/similar";
import { Upload } from "@image-pipeline/core/images/upload";
import * as v from "valibot";

export const Path = v.object({ id: v.pipe(ID.imageID, v.description("Id of the image.")) });

/** The owner that a request acts for. */
export const owner = v.optional(
  v.pipe(
    ID.owner,
    v.description(
      "Owner of the images. Only an API key with the scope `service` may name another owner than the caller.",
    ),
  ),
);

const { filename, contentType, bytes, sha256, method, ...described } = Upload.New.entries;

/** The fields of an upload that every body without `from` needs. */
const uploadFields = ["filename", "contentType", "bytes"] as const;

/** The fields of an upload that an import does not have. */
const notImported = ["contentType", "bytes", "sha256", "method"] as const;

/**
 * The body of `POST /images`: an upload, or with `from` an import. One schema with optional fields, because generators
 * turn a union into a class that fits neither. Not `NewImage`: generated Go clients name the constructor of `Image` so.
 */
export const ImageInput = v.pipe(
  v.strictObject({
    filename: v.optional(filename),
    contentType: v.optional(contentType),
    bytes: v.optional(bytes),
    ...{ sha256, method, ...described },
    from: v.optional(Import.from),
    owner,
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const { from, filename, contentType, bytes, sha256, method, owner, ...others } = dataset.value;
    const fail = (field: string, message: string) =>
      addIssue({
        message,
        path: [
          { type: "object", origin: "value", input: { ...dataset.value }, key: field, value: undefined },
        ],
      });
    if (from) {
      const given = notImported.filter((field) => dataset.value[field] !== undefined);
      for (const field of given) fail(field, "Cannot be combined with `from`.");
      return given.length > 0 ? NEVER : { from, filename, ...others, owner };
    }
    if (filename !== undefined && contentType !== undefined && bytes !== undefined)
      return { filename, contentType, bytes, sha256, method, ...others, owner };
    for (const field of uploadFields) if (dataset.value[field] === undefined) fail(field, "Required.");
    return NEVER;
  }),
  v.metadata({ ref: "ImageInput" }),
);

/** The fields of a form besides the file. */
export const FormFields = v.strictObject({
  filename: v.optional(Upload.New.entries.filename),
  ...Upload.description,
  owner,
});

/** The body of `POST /images` as a form. */
export const ImageForm = v.pipe(
  v.object({
    file: v.pipe(
      v.unknown(),
      v.metadata({ jsonSchema: { type: "string", format: "binary" } }),
      v.description("The file, with its name and content type."),
    ),
    ...FormFields.entries,
  }),
  v.metadata({ ref: "ImageForm" }),
);

/** A whole number in a query, from `min` to `max`. `other` is added to its JSON Schema. */
export function whole(min: number, max: number, description: string, other: Record<string, number> = {}) {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, "Must be a whole number."),
    v.metadata({ jsonSchema: { type: "integer", format: "int32", minimum: min, maximum: max, ...other } }),
    v.description(description),
    v.transform(Number),
    v.minValue(min, `Must be at least ${min}.`),
    v.maxValue(max, `Must be at most ${max}.`),
  );
}

export const cursor = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(512),
    v.description("`nextCursor` of the previous page. Send it with the same filters."),
  ),
);

export const nextCursor = v.optional(
  v.pipe(v.string(), v.description("Cursor of the next page. Absent on the last page.")),
);

export const LookUpQuery = v.strictObject({
  wait: v.optional(whole(0, 20, "Seconds to wait until the image is `ready`, `rejected` or `failed`.")),
});

export const DeleteQuery = v.strictObject({
  permanent: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.metadata({ jsonSchema: { type: "boolean" } }),
      v.description(
        "With `true`, the image is deleted at once, without the trash, and noncurrent versions of the original and the variants are removed too.",
      ),
    ),
  ),
});

/**
 * The response of `POST /images`. One schema for all of its statuses: clients of many generators have the type of the
 * lowest, and would lose `upload`.
 */
export const Created = v.pipe(
  v.object({
    ...Image.Info.entries,
    upload: v.optional(
      v.pipe(Upload.Info, v.description("The request that uploads the file. Absent if no upload is needed.")),
    ),
  }),
  v.metadata({ ref: "CreatedImage" }),
);

export const SimilarQuery = v.strictObject({
  distance: v.optional(
    whole(
      0,
      Similar.distance.max,
      "Most bits of 64 in which the perceptual hashes may differ: 0 finds copies, 8 also edited ones.",
      { default: Similar.distance.default },
    ),
    String(Similar.distance.default),
  ),
  limit: v.optional(
    whole(1, Similar.limit.max, "Maximum number of images.", { default: Similar.limit.default }),
    String(Similar.limit.default),
  ),
});

/** The response of `GET /images/{id}/similar`. */
export const SimilarList = v.pipe(
  v.object({
    items: v.array(
      v.pipe(
        v.object({
          distance: v.pipe(
            v.number(),
            v.integer(),
            v.minValue(0),
            v.metadata({ format: "int32" }),
            v.description("Number of bits in which the perceptual hashes differ."),
          ),
          image: Image.Info,
        }),
        v.metadata({ ref: "SimilarImage" }),
      ),
    ),
    complete: v.pipe(v.boolean(), v.description("`false` if there may be more similar images than these.")),
  }),
  v.metadata({ ref: "SimilarList" }),
);

export const EventsQuery = v.strictObject({
  limit: v.optional(
    whole(1, Audit.limitMax, "Maximum number of events in the page.", { default: Audit.limitMax }),
    String(Audit.limitMax),
  ),
  cursor,
});

export const Events = v.pipe(
  v.object({ items: v.array(Audit.Info), nextCursor }),
  v.metadata({ ref: "EventList" }),
);
