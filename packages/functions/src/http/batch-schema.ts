/** Schemas of `POST /images/batch`. */
import { ID } from "@image-pipeline/core/id";
import { Image } from "@image-pipeline/core/images/image";
import * as v from "valibot";
import { Problem } from "./problem.ts";

/** Most operations of one batch. */
export const operationsMax = 100;

/** One operation of a batch: a change of one image, with the fields of the route that does the same. */
export type Operation =
  | {
      op: "update";
      id: string;
      version?: number | undefined;
      changes: v.InferOutput<typeof Image.Changes>;
      merge: boolean;
    }
  | { op: "delete"; id: string; version?: number | undefined; permanent: boolean }
  | { op: "restore" | "reprocess"; id: string };

/** The fields that each operation takes. */
const fieldsOf = {
  update: ["version", "changes", "merge"],
  delete: ["version", "permanent"],
  restore: [],
  reprocess: [],
} as const;

/** One schema with optional fields, because generators of clients misread unions. */
const Operation = v.pipe(
  v.strictObject({
    op: v.pipe(
      v.picklist(["update", "delete", "restore", "reprocess"]),
      v.description("What is done with the image."),
    ),
    id: v.pipe(ID.imageID, v.description("Id of the image.")),
    version: v.optional(
      v.pipe(
        v.number(),
        v.safeInteger(),
        v.minValue(1),
        v.metadata({ format: "int64" }),
        v.description("Version that the image must have, like `If-Match`. Of `update` and `delete`."),
      ),
    ),
    changes: v.optional(Image.Changes),
    merge: v.optional(
      v.pipe(
        v.boolean(),
        v.description("Merges `changes.metadata` into the image's, like a merge patch. Of `update`."),
      ),
    ),
    permanent: v.optional(
      v.pipe(
        v.boolean(),
        v.description(
          "Deletes the image with its noncurrent versions, also where the stage has a trash. Of `delete`.",
        ),
      ),
    ),
  }),
  v.rawTransform(({ dataset, addIssue, NEVER }): Operation => {
    const { op, id, version, changes, merge = false, permanent = false } = dataset.value;
    const fail = (key: string, message: string) => {
      const input = { ...dataset.value };
      addIssue({ message, path: [{ type: "object", origin: "value", input, key, value: undefined }] });
      return NEVER;
    };
    const known: readonly string[] = ["op", "id", ...fieldsOf[op]];
    const other = Object.keys(dataset.value).find((field) => !known.includes(field));
    if (other) return fail(other, `Cannot be combined with \`${op}\`.`);
    if (op === "reprocess" || op === "restore") return { op, id };
    if (op === "delete") return { op, id, version, permanent };
    return changes ? { op, id, version, changes, merge } : fail("changes", "Required.");
  }),
  v.metadata({ ref: "BatchOperation" }),
);

/** The body. Validation ends at the first invalid operation, so that a body of thousands is not answered with as many faults. */
export const Batch = v.pipe(
  v.strictObject({
    operations: v.pipe(
      v.config(v.array(Operation), { abortEarly: true }),
      v.minLength(1, "Must be at least 1 operation."),
      v.maxLength(operationsMax, `Must be at most ${operationsMax} operations.`),
      v.description("Operations on the same image run in this order; others run side by side."),
    ),
  }),
  v.metadata({ ref: "Batch" }),
);

const whole = (description: string) =>
  v.pipe(v.number(), v.integer(), v.metadata({ format: "int32" }), v.description(description));

export const Result = v.pipe(
  v.object({
    id: v.pipe(v.string(), v.description("Id of the image.")),
    status: whole(
      "Status that the route of the operation responds with: 200 or 204, or that of the problem.",
    ),
    image: v.optional(
      v.pipe(Image.Info, v.description("The image after the operation. Absent if it was deleted.")),
    ),
    problem: v.optional(v.pipe(Problem, v.description("Error of the operation. Absent if it succeeded."))),
    retryAfter: v.optional(whole("Seconds until a retry of the operation can succeed, if known.")),
  }),
  v.metadata({ ref: "BatchResult" }),
);
export type Result = v.InferOutput<typeof Result>;

/** The response. */
export const Results = v.pipe(
  v.object({
    failed: whole("Number of operations that failed or were not attempted."),
    results: v.pipe(v.array(Result), v.description("One for each operation, in the same order.")),
  }),
  v.metadata({ ref: "BatchResults" }),
);
export type Results = v.InferOutput<typeof Results>;
