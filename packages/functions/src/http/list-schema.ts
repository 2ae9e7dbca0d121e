/** Schemas of lists of images: their filters, as query parameters, and their pages. */
import { ID } from "@image-pipeline/core/id";
import { Image } from "@image-pipeline/core/images/image";
import { countMax } from "@image-pipeline/core/images/list";
import { Query } from "@image-pipeline/core/images/query";
import { visibleStatuses } from "@image-pipeline/core/table/image-entity";
import * as v from "valibot";
import { cursor, nextCursor, owner, whole } from "./images-schema.ts";

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

export const Page = v.pipe(
  v.object({
    items: v.array(Image.Info),
    nextCursor,
  }),
  v.metadata({ ref: "ImageList" }),
);
