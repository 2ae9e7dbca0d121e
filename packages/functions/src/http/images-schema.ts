/** Schemas of the image routes' requests and responses, where they differ from the domain's. */
import { ID } from "@image-pipeline/core/id";
import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { Import } from "@image-pipeline/core/images/import";
import { countMax } from "@image-pipeline/core/images/list";
import { Query } from "@image-pipeline/core/images/query";
import { Similar } from "@image-pipeline/core/images/similar";
import { Upload } from "@image-pipeline/core/images/upload";
import { visibleStatuses } from "@image-pipeline/core/table/image-entity";
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

const time = (description: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.isoTimestamp("Must be an RFC 3339 time such as 2026-11-23T07:34:14Z."),
      v.check((given) => !Number.isNaN(Date.parse(given)), "There is no such date or time."),
      v.description(description),
    ),
  );

/** Number of images on a page. */
const limit = { default: 20, max: 100 };

/** One id, or several as a repeated parameter. */
const ids = v.pipe(
  v.union([
    ID.imageID,
    v.pipe(v.array(ID.imageID), v.maxLength(limit.max, `Must be at most ${limit.max} ids.`)),
  ]),
  v.metadata({ jsonSchema: { type: "array", items: { type: "string" }, maxItems: limit.max } }),
  v.description(
    "Only the images with these ids. May be repeated, and cannot be combined with another filter.",
  ),
  v.transform((given) => [given].flat()),
);

const cursor = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(512),
    v.description("`nextCursor` of the previous page. Send it with the same filters."),
  ),
);

const nextCursor = v.optional(
  v.pipe(v.string(), v.description("Cursor of the next page. Absent on the last page.")),
);

/** One tag, or several as a repeated parameter. */
const tag = v.pipe(
  v.union([Image.tag, v.array(Image.tag)]),
  v.metadata({
    jsonSchema: {
      type: "array",
      items: { type: "string", minLength: 1, maxLength: 64 },
      maxItems: Query.listsMax,
    },
  }),
  v.description("Only images with this tag. May be repeated: only images with all of the tags."),
  v.transform((given) => [given].flat()),
);

const filters = {
  owner,
  status: v.optional(
    v.pipe(
      v.picklist(visibleStatuses),
      v.metadata({ component: "ImageStatus" }),
      v.description(
        "Only images with this status. Without it, images in the trash (`trashed`) are left out.",
      ),
    ),
  ),
  tag: v.optional(tag),
  format: v.optional(
    v.pipe(
      v.picklist(Query.formats),
      v.metadata({ component: "ImageFormat" }),
      v.description("Only images whose original has this format. Known once an image was processed."),
    ),
  ),
  q: v.optional(
    v.pipe(
      Query.search,
      v.description(
        "Only images with all of these words in the title, file name or alternative text. One word may end with `*` and is a prefix, with which at most 50 different words may begin.",
      ),
    ),
  ),
  createdAfter: time("Only images created at this time or later."),
  createdBefore: time("Only images created before this time."),
  takenAfter: time("Only images taken at this time or later, in the order of `orderBy=takenAt`."),
  takenBefore: time("Only images taken before this time, in the order of `orderBy=takenAt`."),
};

const listFilters = {
  ...filters,
  orderBy: v.optional(
    v.pipe(
      v.picklist(["createdAt", "takenAt"]),
      v.description(
        "`takenAt` orders processed images by the time of capture; those without one come last in both directions. Default: `createdAt`, and `takenAt` with `takenAfter` or `takenBefore`.",
      ),
    ),
  ),
  order: v.optional(
    v.pipe(
      v.picklist(["desc", "asc"]),
      v.description("`desc` lists the newest images first, `asc` the oldest."),
    ),
    "desc",
  ),
};

/** Prefix of the parameters that search custom metadata. */
const metadataPrefix = "metadata.";

/**
 * The parameters `metadata.NAME`, which a schema of named parameters cannot describe: an object whose properties are
 * sent as separate parameters (`style: form`, `explode`).
 */
export const metadataParameter = {
  in: "query",
  name: "metadata",
  style: "form",
  explode: true,
  description:
    "Only images with this entry of custom metadata, as `metadata.NAME=VALUE`: `metadata.postId=42`. Several names may be given: only images with all of the entries.",
  schema: {
    type: "object",
    additionalProperties: { type: "string", maxLength: 512 },
    example: { "metadata.postId": "42" },
  },
} as const;

/**
 * Strict, apart from `metadata.NAME`: a misspelt filter is refused instead of listing every image. Refuses filters that
 * no index serves together.
 */
const queryOf = <E extends v.ObjectEntries>(entries: E) =>
  v.pipe(
    v.looseObject(entries),
    v.rawTransform(({ dataset, addIssue }) => {
      const known: Record<string, unknown> = {};
      const metadata: [string, string][] = [];
      for (const [name, value] of Object.entries(dataset.value)) {
        const fail = (message: string) =>
          addIssue({
            message,
            path: [{ type: "object", origin: "value", input: dataset.value, key: name, value }],
          });
        if (Object.hasOwn(entries, name)) known[name] = value;
        else if (!name.startsWith(metadataPrefix)) fail("Unknown parameter.");
        else {
          const entry = v.safeParse(Image.metadataEntry, [name.slice(metadataPrefix.length), value]);
          if (entry.success) metadata.push(entry.output);
          else
            fail(
              Array.isArray(value)
                ? "Must be given once."
                : `\`metadata.NAME=VALUE\` needs a name of 1 to 64 characters and a value of at most 512.`,
            );
        }
      }
      const query = { ...known, ...(metadata.length > 0 && { metadata: Object.fromEntries(metadata) }) };
      const fault = Query.faultOf(query);
      if (fault)
        addIssue({
          message: fault.detail,
          path: [
            { type: "object", origin: "value", input: dataset.value, key: fault.parameter, value: undefined },
          ],
        });
      return query as v.InferOutput<v.ObjectSchema<E, undefined>> & { metadata?: Record<string, string> };
    }),
  );

export const CountQuery = queryOf(filters);

export const ListQuery = v.pipe(
  queryOf({
    id: v.optional(ids),
    ...listFilters,
    limit: v.optional(
      whole(1, limit.max, "Maximum number of images in the page.", { default: limit.default }),
      String(limit.default),
    ),
    cursor,
  }),
  v.forward(
    v.check(
      ({ id, owner: _, limit: __, order: ___, ...others }) =>
        !id || Object.values(others).every((given) => given === undefined),
      "`id` cannot be combined with another filter.",
    ),
    ["id"],
  ),
);

/** The response of `GET /images/count`. */
export const Count = v.pipe(
  v.object({
    count: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.metadata({ format: "int64" }),
      v.description("Number of images."),
    ),
    estimate: v.pipe(
      v.boolean(),
      v.description(
        `\`true\` if there are at least so many: counting ends at ${countMax}. Of all owners' images without a time, the number is that of the statistics, which may be off by a few.`,
      ),
    ),
  }),
  v.metadata({ ref: "ImageCount" }),
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

export const Page = v.pipe(
  v.object({
    items: v.array(Image.Info),
    nextCursor,
  }),
  v.metadata({ ref: "ImageList" }),
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
