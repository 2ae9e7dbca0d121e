/** Operations on images: get, list, wait, update, reprocess, remove. */
import { ClientError } from "./problem.ts";
import type { Request } from "./request.ts";
import { sleep } from "./retry.ts";
import type { Description, Event, Image, Page, Status } from "./types.ts";

/**
 * Filters of a list, newest first unless `order` is `asc`. Times are RFC 3339; `createdAfter` is inclusive,
 * `createdBefore` exclusive. `status` and `tag` cannot be combined.
 */
export type Query = {
  status?: Status;
  tag?: string;
  createdAfter?: string;
  createdBefore?: string;
  order?: "asc" | "desc";
  /** Images per page, 1 to 100 (default 20). */
  limit?: number;
};

/** Fields to change. `null` removes a field; an absent one stays. */
export type Changes = { [Field in keyof Description]: Description[Field] | null };

/** Cancels a call: it rejects with the signal's reason. */
export type Cancel = { signal?: AbortSignal };

/** The object that `createImages` returns, `images` of the client. */
export type Images = ReturnType<typeof createImages>;

/** Upper bound of the API's `wait` parameter. */
const holdSeconds = 20;

/** Default timeout of `wait`. */
const waitSeconds = 120;

/** Creates the image operations on top of a `Request`. */
export function createImages(request: Request) {
  const page = (query: Query & { cursor?: string } = {}, { signal }: Cancel = {}): Promise<Page> =>
    request("GET", "/images", { query, signal });

  const get = (id: string, { signal, wait }: Cancel & { wait?: number } = {}): Promise<Image> =>
    request("GET", pathOf(id), { query: { wait }, signal });

  return {
    /** Returns one page of a list; pass its `nextCursor` as `cursor` for the next one. Throws `invalid_cursor`. */
    page,

    /** Iterates over all images of a list and requests each page when it is needed: `for await (const image of images.list())`. */
    async *list(query: Query = {}, options: Cancel = {}): AsyncGenerator<Image, void, undefined> {
      let cursor: string | undefined;
      do {
        const { items, nextCursor } = await page({ ...query, cursor }, options);
        yield* items;
        cursor = nextCursor;
      } while (cursor !== undefined);
    },

    /**
     * Returns an image. With `wait` (seconds, up to 20) the API holds the response until the image is final or the
     * time is over. Throws `image_not_found`.
     */
    get,

    /** Returns up to 100 images by id, in the given order, in one request. Ids that do not exist are left out. */
    async many(ids: readonly string[], { signal }: Cancel = {}): Promise<Image[]> {
      if (ids.length === 0) return [];
      const { items } = await request<Page>("GET", "/images", { query: { id: ids }, signal });
      return items;
    },

    /** Waits until an image is `ready`, `rejected` or `failed`, and returns it. Throws `timed_out` after `seconds` (120). */
    async wait(
      id: string,
      { signal, seconds = waitSeconds }: Cancel & { seconds?: number } = {},
    ): Promise<Image> {
      const until = Date.now() + seconds * 1000;
      for (let pause = 100; ; pause = Math.min(1000, pause * 2)) {
        const left = Math.max(0, until - Date.now()) / 1000;
        const asked = Date.now();
        const image = await get(id, { signal, wait: Math.min(holdSeconds, Math.ceil(left)) });
        if (isFinal(image)) return image;
        if (Date.now() >= until) {
          throw new ClientError(
            "timed_out",
            `${id} is still ${image.status} after ${seconds} s. Call wait again, or look the image up later.`,
          );
        }
        // Backs off if the API responds at once instead of holding the request.
        await sleep(Math.max(0, pause - (Date.now() - asked)), signal);
      }
    },

    /** Returns the audit trail, oldest entry first, also of a deleted image. Throws `image_not_found`. */
    async events(id: string, { signal }: Cancel = {}): Promise<Event[]> {
      const { items } = await request<{ items: Event[] }>("GET", `${pathOf(id)}/events`, { signal });
      return items;
    },

    /**
     * Changes title, alternative text, tags or metadata; `null` removes a field. With `version`, sends `If-Match` and
     * throws `version_conflict` if the image has another version. Throws `image_not_found`.
     */
    update: (id: string, changes: Changes, { signal, version }: Cancel & { version?: number } = {}) =>
      request<Image>("PATCH", pathOf(id), {
        body: changes,
        headers: version === undefined ? {} : { "if-match": `W/"v${version}"` },
        signal,
      }),

    /** Queues an image for processing again. Throws `image_not_found`, `image_not_ready`. */
    reprocess: (id: string, { signal }: Cancel = {}): Promise<Image> =>
      request("POST", `${pathOf(id)}/reprocess`, { signal }),

    /**
     * Deletes an image: original, variants and record. The audit trail stays. With `permanent`, noncurrent object
     * versions are removed too. Throws `image_not_found`.
     */
    remove: (id: string, { signal, permanent }: Cancel & { permanent?: boolean } = {}): Promise<void> =>
      request("DELETE", pathOf(id), { query: { permanent: permanent ? "true" : undefined }, signal }),
  };
}

/** Returns true if an image is `ready`, `rejected` or `failed`: its status no longer changes by itself. */
export const isFinal = ({ status }: Pick<Image, "status">): boolean =>
  status === "ready" || status === "rejected" || status === "failed";

const pathOf = (id: string) => `/images/${encodeURIComponent(id)}`;
