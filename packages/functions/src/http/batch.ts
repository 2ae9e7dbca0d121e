/** The route that changes several images in one request. */
import { VisibleError } from "@image-pipeline/core/error";
import type { Image } from "@image-pipeline/core/images/image";
import { List } from "@image-pipeline/core/images/list";
import { Hono } from "hono";
import pMap from "p-map";
import type { Env } from "./auth.ts";
import { Batch, type Operation, operationsMax, type Result, Results } from "./batch-schema.ts";
import { Example } from "./examples.ts";
import { once } from "./idempotency.ts";
import { type Acting, remove, reprocess, restore, update } from "./operations.ts";
import { problemOf } from "./problem.ts";
import { route } from "./route.ts";
import { validator } from "./validator.ts";

/** Images that a batch changes at the same time. */
const concurrency = 8;

/**
 * Time in which a batch begins operations. One that begins at its end has 20 s for the retries of a store that does not
 * respond, and the function 30 s for all. 100 operations take about a second.
 */
const beginMs = 8_000;

export const batch = new Hono<Env>().post(
  "/images/batch",
  route({
    operationId: "updateImages",
    tag: "Images",
    summary: "Change several images",
    description: `Updates, deletes, restores and reprocesses up to ${operationsMax} images in one request. Each operation is checked, counted against the quotas and carried out as if it were sent alone, and one that fails affects no other. The response is 200 whatever the operations did: read \`failed\`, and the \`status\` of each result. Operations on the same image run in their order, others side by side.

The API begins operations for ${beginMs / 1000} seconds. Those left then have the code \`not_attempted\`: send them again, in another batch. Of an invalid body nothing is carried out. Under an idempotency key, a batch that is sent again gets the first results, failures included, with the images as they are now; send what failed under a new key.`,
    scope: "images:write",
    responses: {
      200: {
        description: "The result of each operation, in the same order.",
        schema: Results,
        example: Example.batchResults,
      },
    },
    errors: [
      "invalid_request",
      "malformed_json",
      "body_too_large",
      "unsupported_media_type",
      "idempotency_key_reused",
      "request_in_progress",
    ],
    headers: ["Idempotency-Key"],
    body: Example.batch,
  }),
  validator("json", Batch),
  async (c) => {
    const { operations } = c.req.valid("json");
    const { owner } = c.var.caller;
    const images = new Map<number, Image.Info>();
    // Without the images: a hundred of them are larger than an item of the table.
    const { failed, results } = await once(c, { operations }, (request) =>
      run(operations, c.var, async (operation, index) => {
        const image = await perform(operation, c.var, request && `${request}.${index}`);
        if (image) images.set(index, image);
        return image ? 200 : 204;
      }),
    );
    const isReplay = (result: Result, index: number) => result.status === 200 && !images.has(index);
    const ids = [...new Set(results.filter(isReplay).map(({ id }) => id))];
    const now = new Map((await List.fromIDs({ ids, owner })).map((image) => [image.id, image]));
    return c.json(
      {
        failed,
        results: results.map((result, index) =>
          result.status === 200 ? { ...result, image: images.get(index) ?? now.get(result.id) } : result,
        ),
      },
      200,
    );
  },
);

/**
 * Carries operations out with `perform`, which returns the status: those of one image in their order, of several images
 * side by side. After `milliseconds` it begins no other.
 */
export async function run(
  operations: readonly Operation[],
  context: Parameters<typeof problemOf>[1],
  perform: (operation: Operation, index: number) => Promise<number>,
  milliseconds = beginMs,
): Promise<{ failed: number; results: Result[] }> {
  const end = Date.now() + milliseconds;
  const attempt = async (operation: Operation, index: number): Promise<Result> => {
    const { id } = operation;
    try {
      if (Date.now() > end) throw notAttempted();
      return { id, status: await perform(operation, index) };
    } catch (error) {
      const { problem, retryAfter } = problemOf(error, context);
      return { id, status: problem.status, problem, ...(retryAfter !== undefined && { retryAfter }) };
    }
  };
  const images = Map.groupBy(operations.entries(), ([, { id }]) => id);
  const results: Result[] = [];
  await pMap(
    images.values(),
    async (entries) => {
      for (const [index, operation] of entries) results[index] = await attempt(operation, index);
    },
    { concurrency },
  );
  return { failed: results.filter(({ problem }) => problem).length, results };
}

const notAttempted = () =>
  new VisibleError(
    "not_attempted",
    "The batch ran out of time before this operation. Send the operation again in another batch.",
    { retryAfterSeconds: 1 },
  );

/** Carries one operation out and returns the image, undefined for a deleted one. Throws what its route throws. */
async function perform(
  operation: Operation,
  acting: Acting,
  request?: string,
): Promise<Image.Info | undefined> {
  switch (operation.op) {
    case "update": {
      const { op: _, ...given } = operation;
      return update(given, acting);
    }
    case "delete": {
      const { op: _, ...given } = operation;
      await remove(given, acting);
      return undefined;
    }
    case "restore":
      return restore(operation, acting);
    case "reprocess":
      return reprocess({ id: operation.id, request }, acting);
  }
}
