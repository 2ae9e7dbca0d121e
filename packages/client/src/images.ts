/** Looking images up, listing and deleting them. */
import { ClientError } from "./problem.ts";
import type { Request } from "./request.ts";
import { sleep } from "./retry.ts";
import type { Description, Event, Image, Page, Status } from "./types.ts";

/** Which images, newest first unless `order` is `asc`. Times in RFC 3339: from `createdAfter` on, before `createdBefore`. */
export type Query = {
  status?: Status;
  tag?: string;
  createdAfter?: string;
  createdBefore?: string;
  order?: "asc" | "desc";
  /** Images to a page, 1–100 (20). */
  limit?: number;
};

/** What is to be said of an image from now on. */
export type Changes = { [Field in keyof Description]: Description[Field] | null };

/** Every call may be cancelled by a signal; it then throws the signal's reason. */
export type Cancel = { signal?: AbortSignal };

export type Images = ReturnType<typeof createImages>;

/** Longest time that the API holds one look-up. */
const holdSeconds = 20;

/** How long `wait` waits unless told otherwise: an hour of retries would not be waited for by anybody. */
const waitSeconds = 120;

export function createImages(request: Request) {
  const page = (query: Query & { cursor?: string } = {}, { signal }: Cancel = {}): Promise<Page> =>
    request("GET", "/images", { query, signal });

  const get = (id: string, { signal, wait }: Cancel & { wait?: number } = {}): Promise<Image> =>
    request("GET", pathOf(id), { query: { wait }, signal });

  return {
    /** One page, for lists that people turn over themselves. */
    page,

    /** Every image of a list, page after page as they are asked for: `for await (const image of images.list())`. */
    async *list(query: Query = {}, options: Cancel = {}): AsyncGenerator<Image, void, undefined> {
      let cursor: string | undefined;
      do {
        const { items, nextCursor } = await page({ ...query, cursor }, options);
        yield* items;
        cursor = nextCursor;
      } while (cursor !== undefined);
    },

    /** Looks an image up; with `wait` (seconds, up to 20) held until it is final. Throws `image_not_found`. */
    get,

    /** These images as they are now, in this order, in one request: up to 100 ids. Those that are not there are left out. */
    async many(ids: readonly string[], { signal }: Cancel = {}): Promise<Image[]> {
      if (ids.length === 0) return [];
      const { items } = await request<Page>("GET", "/images", { query: { id: ids }, signal });
      return items;
    },

    /** Waits until an image is `ready`, `rejected` or `failed`. Throws `timed_out` after `seconds` (120). */
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
          throw new ClientError("timed_out", `${id} is still ${image.status} after ${seconds} s.`);
        }
        // An API that does not hold the answer must not be asked over and over.
        await sleep(Math.max(0, pause - (Date.now() - asked)), signal);
      }
    },

    /** What happened to an image, oldest first; also after its deletion. Throws `image_not_found`. */
    async events(id: string, { signal }: Cancel = {}): Promise<Event[]> {
      const { items } = await request<{ items: Event[] }>("GET", `${pathOf(id)}/events`, { signal });
      return items;
    },

    /**
     * Changes what people say of an image; `null` takes a field away. With `version`, only if it still has that one.
     * Throws `image_not_found`, `version_conflict`.
     */
    update: (id: string, changes: Changes, { signal, version }: Cancel & { version?: number } = {}) =>
      request<Image>("PATCH", pathOf(id), {
        body: changes,
        headers: version === undefined ? {} : { "if-match": `W/"v${version}"` },
        signal,
      }),

    /** Sends an image through the pipeline again. Throws `image_not_found`, `image_not_ready`. */
    reprocess: (id: string, { signal }: Cancel = {}): Promise<Image> =>
      request("POST", `${pathOf(id)}/reprocess`, { signal }),

    /** Deletes an image: original, variants and record. Throws `image_not_found`. */
    remove: (id: string, { signal }: Cancel = {}): Promise<void> => request("DELETE", pathOf(id), { signal }),
  };
}

/** Whether nothing more happens to an image by itself. */
export const isFinal = ({ status }: Pick<Image, "status">): boolean =>
  status === "ready" || status === "rejected" || status === "failed";

const pathOf = (id: string) => `/images/${encodeURIComponent(id)}`;
