/** What the routes of images read and answer, where it differs from the domain's own shapes. */

import { ID } from "@image-pipeline/core/id";
import { Audit } from "@image-pipeline/core/images/audit";
import { Image } from "@image-pipeline/core/images/image";
import { Upload } from "@image-pipeline/core/images/upload";
import { Tag } from "@image-pipeline/core/records/tags";
import { visibleStatuses } from "@image-pipeline/core/table/image-entity";
import * as v from "valibot";

export const Path = v.object({ id: v.pipe(ID.imageID, v.description("The image's id.")) });

const owner = v.optional(
  v.pipe(
    ID.owner,
    v.description("Whose. For keys with the scope `service`; everybody else may name themselves."),
  ),
);

export const NewImage = v.pipe(
  v.strictObject({ ...Upload.New.entries, owner }),
  v.metadata({ ref: "NewImage" }),
);

/** A whole number in a query, with its bounds. */
function whole(min: number, max: number, description: string, other: Record<string, number> = {}) {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, "A whole number."),
    v.metadata({ jsonSchema: { type: "integer", format: "int32", minimum: min, maximum: max, ...other } }),
    v.description(description),
    v.transform(Number),
    v.minValue(min, `At least ${min}.`),
    v.maxValue(max, `At most ${max}.`),
  );
}

const time = (description: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.isoTimestamp("A time such as 2026-11-23T07:34:14Z."),
      v.check((given) => !Number.isNaN(Date.parse(given)), "There is no such time."),
      v.description(description),
    ),
  );

/** How many images a page has where nobody says, and at most. */
const limit = { default: 20, max: 100 };

/** One id, or several as the same parameter again. */
const ids = v.pipe(
  v.union([ID.imageID, v.pipe(v.array(ID.imageID), v.maxLength(limit.max, `At most ${limit.max} ids.`))]),
  v.metadata({ jsonSchema: { type: "array", items: { type: "string" }, maxItems: limit.max } }),
  v.description("Only these images. May be repeated; goes with no other filter."),
  v.transform((given) => [given].flat()),
);

/** Anything that is not asked for by its name is refused, so that a slip of the pen does not list everything. */
export const ListQuery = v.pipe(
  v.strictObject({
    id: v.optional(ids),
    owner,
    status: v.optional(v.pipe(v.picklist(visibleStatuses), v.description("Only images in this status."))),
    tag: v.optional(v.pipe(Tag.Info, v.description("Only images with this tag."))),
    createdAfter: time("Only images from then on."),
    createdBefore: time("Only images from before then."),
    order: v.optional(
      v.pipe(v.picklist(["desc", "asc"]), v.description("Newest first, or oldest first.")),
      "desc",
    ),
    limit: v.optional(
      whole(1, limit.max, "How many images at most.", { default: limit.default }),
      String(limit.default),
    ),
    cursor: v.optional(
      v.pipe(
        v.string(),
        v.maxLength(512),
        v.description("The `nextCursor` of the page before, with the same filters."),
      ),
    ),
  }),
  v.forward(
    v.check(({ status, tag }) => !status || !tag, "`tag` cannot be combined with `status`."),
    ["tag"],
  ),
  v.forward(
    v.check(
      ({ id, status, tag, createdAfter, createdBefore, cursor }) =>
        !id || ![status, tag, createdAfter, createdBefore, cursor].some((given) => given !== undefined),
      "`id` goes with no other filter.",
    ),
    ["id"],
  ),
);

export const LookUpQuery = v.strictObject({
  wait: v.optional(whole(0, 20, "Seconds to wait for the image to be finished.")),
});

export const Announced = v.pipe(
  v.object({ ...Image.Info.entries, upload: Upload.Info }),
  v.metadata({ ref: "AnnouncedImage" }),
);

export const Page = v.pipe(
  v.object({
    items: v.array(Image.Info),
    nextCursor: v.optional(
      v.pipe(v.string(), v.description("Where the next page begins; absent on the last.")),
    ),
  }),
  v.metadata({ ref: "ImageList" }),
);

export const Events = v.pipe(v.object({ items: v.array(Audit.Info) }), v.metadata({ ref: "EventList" }));
