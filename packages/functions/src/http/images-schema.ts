/** What the routes of images read and answer, where it differs from the domain's own shapes. */
import { Event } from "@image-pipeline/core/event";
import { Image } from "@image-pipeline/core/image";
import { statuses } from "@image-pipeline/core/image-entity";
import { Upload } from "@image-pipeline/core/upload";
import * as v from "valibot";

/** How many images a page has where nobody says. */
const limitDefault = 20;

/** Anything that is not asked for by its name is refused, so that a slip of the pen does not list everything. */
export const ListQuery = v.strictObject({
  status: v.optional(v.pipe(v.picklist(statuses), v.description("Only images in this status."))),
  limit: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,3}$/, "A whole number from 1 to 100."),
      v.transform(Number),
      v.minValue(1, "At least 1."),
      v.maxValue(100, "At most 100."),
      v.metadata({
        jsonSchema: { type: "integer", format: "int32", minimum: 1, maximum: 100, default: limitDefault },
      }),
      v.description("How many images at most."),
    ),
    String(limitDefault),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(512),
      v.description("The `nextCursor` of the page before, with the same filters."),
    ),
  ),
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

export const Events = v.pipe(v.object({ items: v.array(Event.Info) }), v.metadata({ ref: "EventList" }));
