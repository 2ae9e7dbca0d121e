/** Changes of several images at once, with a result for each. */
import type { Image, Operation } from "@image-pipeline/client";
import { api } from "./api.ts";
import { type Words, wordsFor, wordsOf } from "./words.ts";

/** An image to change, by id and the name that people see. */
export type Named = { id: string; name: string };

/** An image that was not changed, and why. */
export type Failure = Named & { why: Words };

/** Requests in flight at the same time. */
const atOnce = 6;

/** Runs a change for each image, at most `width` at a time. Returns those that failed; `onStart` counts from 1. */
export async function forEach<Item extends Named>(
  items: readonly Item[],
  change: (item: Item) => Promise<unknown>,
  { width = atOnce, onStart }: { width?: number; onStart?: (count: number) => void } = {},
): Promise<Failure[]> {
  const line = [...items];
  const failures: Failure[] = [];
  let started = 0;
  const work = async () => {
    for (let item = line.shift(); item; item = line.shift()) {
      onStart?.(++started);
      try {
        await change(item);
      } catch (error) {
        failures.push({ id: item.id, name: item.name, why: wordsOf(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return failures;
}

/** Most operations in one request of the API. */
const operationsMax = 100;

/**
 * Runs one operation of the API for each image, a hundred in a request. `onDone` receives each image that was changed, as
 * it is now, undefined if it was deleted. Returns those that failed.
 */
export async function runEach(
  items: readonly Named[],
  operationOf: (id: string) => Operation,
  onDone: (item: Named, image: Image | undefined) => void,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const line = [...items];
  while (line.length > 0) {
    const batch = line.splice(0, operationsMax);
    try {
      const operations = batch.map(({ id }) => operationOf(id));
      const { results } = await api.images.batch(operations);
      batch.forEach((item, index) => {
        const { image, problem } = results[index] ?? {};
        // A deleted image that is already gone is what was wanted.
        const isGone = problem?.code === "image_not_found" && operations[index]?.op === "delete";
        if (!problem || isGone) onDone(item, image);
        // The API ran out of time. It begins with the first of each request, so that this ends.
        else if (problem.code === "not_attempted") line.push(item);
        else failures.push({ ...item, why: wordsFor(problem.code, problem.detail ?? problem.title) });
      });
    } catch (error) {
      failures.push(...batch.map((item) => ({ ...item, why: wordsOf(error) })));
    }
  }
  return failures;
}

/** Names shown of those that failed. */
const namesMax = 3;

/** Describes failures in one sentence for each reason, with the names of the images. */
export function sentencesOf(failures: readonly Failure[]): string {
  const byReason = Map.groupBy(failures, ({ why }) => [why.what, why.help].filter(Boolean).join(" "));
  return [...byReason]
    .map(([reason, failed]) => {
      const names = failed.slice(0, namesMax).map(({ name }) => name);
      const rest = failed.length - names.length;
      return `${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}: ${reason}`;
    })
    .join(" ");
}
