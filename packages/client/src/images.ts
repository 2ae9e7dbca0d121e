/** Operations on images: get, list, wait, find similar ones, update, reprocess, remove. */
import { ClientError } from "./problem.ts";
import { type Request, randomKey } from "./request.ts";
import { sleep } from "./retry.ts";
import type {
  BatchResults,
  ChangePage,
  Count,
  Description,
  Event,
  Events,
  Image,
  ImportInput,
  Operation,
  Page,
  Similar,
  SourceFormat,
  Status,
} from "./types.ts";

/**
 * Filters of images; several must all match. Times are RFC 3339: `createdAfter` and `takenAfter` are inclusive,
 * `createdBefore` and `takenBefore` exclusive. `takenAfter` and `takenBefore` work with each other only.
 */
export type Filters = {
  status?: Status;
  /** One tag, or several that an image must all have. */
  tag?: string | readonly string[];
  /** Format of the original. */
  format?: SourceFormat;
  /** Words of the title, file name and alternative text; one may end with `*` and is a prefix. */
  q?: string;
  /** Entries of custom metadata. */
  metadata?: Record<string, string>;
  createdAfter?: string;
  createdBefore?: string;
  takenAfter?: string;
  takenBefore?: string;
};

/** Filters of a list, newest first unless `order` is `asc`. */
export type Query = Filters & {
  /** `takenAt` lists by the time of capture, images without one last; it works with `takenAfter` and `takenBefore` only. */
  orderBy?: "createdAt" | "takenAt";
  order?: "asc" | "desc";
  /** Images per page, 1 to 100 (default 20). A page may have fewer and still not be the last. */
  limit?: number;
};

/** Query of the change feed. `owner` only for an API key that has none. */
export type ChangeQuery = { since?: string; limit?: number; wait?: number; owner?: string };

/** Fields to change. `null` removes a field; an absent one stays. */
export type Changes = Pick<Description, "visibility"> & Nullable<Omit<Description, "visibility">>;

type Nullable<Fields> = { [Field in keyof Fields]: Fields[Field] | null };

/** Cancels a call: it rejects with the signal's reason. */
export type Cancel = { signal?: AbortSignal };

/** Options of `importURL`: the image's description, headers for the source, and the idempotency key of the request. */
export type ImportOptions = Cancel & {
  headers?: Record<string, string>;
  idempotencyKey?: string;
} & Omit<ImportInput, "from">;

/** The object that `createImages` returns, `images` of the client. */
export type Images = ReturnType<typeof createImages>;

/** Default timeout of `wait`. */
const waitSeconds = 120;

/** Pause between two look-ups where the API sends no `Retry-After`. */
const pauseSeconds = 1;

/** Creates the image operations on top of a `Request`. */
export function createImages(request: Request) {
  const page = (query: Query & { cursor?: string } = {}, { signal }: Cancel = {}): Promise<Page> =>
    request("GET", "/images", { query: parametersOf(query), signal });

  const get = (id: string, { signal, wait }: Cancel & { wait?: number } = {}): Promise<Image> =>
    request("GET", pathOf(id), { query: { wait }, signal });

  /** Looks an image up; the response has no body (304) while it still has the version of `known`. */
  async function look(id: string, known: Image | undefined, signal: AbortSignal) {
    let retryAfterSeconds = pauseSeconds;
    const found = await request<Image | undefined>("GET", pathOf(id), {
      headers: known ? { "if-none-match": etagOf(known.version) } : {},
      signal,
      onResponse: ({ headers }) => {
        retryAfterSeconds = Number(headers.get("retry-after")) || pauseSeconds;
      },
    });
    const current = found ?? known;
    if (!current) throw new ClientError("unexpected_answer", `The API returned no body for ${id}.`);
    return { current, retryAfterSeconds };
  }

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
     * Counts the images that `list` returns with these filters: exactly up to 1,000; with `estimate`, there are at least
     * so many. Throws `invalid_request` for filters that no index serves together.
     */
    count: (filters: Filters = {}, { signal }: Cancel = {}): Promise<Count> =>
      request("GET", "/images/count", { query: parametersOf(filters), signal }),

    /**
     * Returns a page of the images that changed and those that are gone, oldest change first. Without `since`, the feed
     * begins with all images; then send `nextCursor`. `limit` is 1 to 500 (500); with `wait` (seconds, up to 20) the API
     * holds the response until there is a change. `sync` of `@image-pipeline/client/sync` keeps a copy by it. Throws
     * `cursor_expired`, `invalid_cursor`.
     */
    changes: ({ signal, ...query }: ChangeQuery & Cancel = {}): Promise<ChangePage> =>
      request("GET", "/changes", { query, signal }),

    /**
     * Returns an image. With `wait` (seconds, up to 20) the API holds the response until the image is final or the
     * time is over, which occupies a function of the stage: prefer the method `wait`. Throws `image_not_found`.
     */
    get,

    /** Returns up to 100 images by id, in the given order, in one request. Ids that do not exist are left out. */
    async many(ids: readonly string[], { signal }: Cancel = {}): Promise<Image[]> {
      if (ids.length === 0) return [];
      const { items } = await request<Page>("GET", "/images", { query: { id: ids }, signal });
      return items;
    },

    /**
     * Polls an image until it is `ready`, `rejected` or `failed`, and returns it. Pauses between two look-ups as long as
     * the API's `Retry-After` says, and up to a quarter longer. Throws `timed_out` after `seconds` (120), which also ends
     * a request in progress; `image_not_found`; or the signal's reason.
     */
    async wait(
      id: string,
      { signal, seconds = waitSeconds }: Cancel & { seconds?: number } = {},
    ): Promise<Image> {
      signal?.throwIfAborted();
      // By hand, because React Native has neither `AbortSignal.any` nor `AbortSignal.timeout`.
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), seconds * 1000);
      const onAbort = () => limit.abort(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      let image: Image | undefined;
      try {
        for (;;) {
          const { current, retryAfterSeconds } = await look(id, image, limit.signal);
          image = current;
          if (isFinal(image)) return image;
          // The jitter spreads clients that began to wait at the same moment.
          await sleep(retryAfterSeconds * 1000 * (1 + Math.random() / 4), limit.signal);
        }
      } catch (error) {
        if (!limit.signal.aborted) throw error;
        signal?.throwIfAborted();
        const state = image ? `${id} is still ${image.status}` : `There is no response for ${id}`;
        throw new ClientError(
          "timed_out",
          `${state} after ${seconds} s. Call wait again, or look the image up later.`,
          { cause: error },
        );
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      }
    },

    /**
     * Creates an image whose file the pipeline gets from a URL, and returns it as `pending`: `wait` for it. `headers` are
     * sent to the URL's origin, such as `authorization` of a private source. Throws `invalid_request` for a URL that is
     * not https or not public, `quota_exceeded`.
     */
    importURL: (
      url: string,
      { signal, headers, idempotencyKey = randomKey(), ...described }: ImportOptions = {},
    ): Promise<Image> =>
      request("POST", "/images", {
        body: { from: { url, headers }, ...described } satisfies ImportInput,
        headers: { "idempotency-key": idempotencyKey },
        signal,
      }),

    /** Returns a presigned URL of the original file, valid for five minutes. Throws `image_not_found`, `image_not_ready`. */
    original: (id: string, { signal }: Cancel = {}): Promise<{ url: string; expiresAt: string }> =>
      request("GET", `${pathOf(id)}/original`, { signal }),

    /**
     * Returns the images of the same owner that look like an image, the closest first: their perceptual hashes differ in
     * at most `distance` bits (0 to 10, default 8). `limit` is 1 to 100 (20). Throws `image_not_found`,
     * `image_not_ready` before the image was processed.
     */
    similar: (
      id: string,
      { signal, distance, limit }: Cancel & { distance?: number; limit?: number } = {},
    ): Promise<Similar> => request("GET", `${pathOf(id)}/similar`, { query: { distance, limit }, signal }),

    /** Returns the whole audit trail, oldest entry first, also of a deleted image. Throws `image_not_found`. */
    async events(id: string, { signal }: Cancel = {}): Promise<Event[]> {
      const events: Event[] = [];
      let cursor: string | undefined;
      do {
        const query = { cursor };
        const page: Events = await request("GET", `${pathOf(id)}/events`, { query, signal });
        events.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return events;
    },

    /**
     * Changes title, alternative text, tags, metadata, focal point, regions or visibility; `null` removes a field. After
     * another focal point or visibility the image is `pending` until its variants were made again: `wait` for it. With `version`, sends `If-Match` and
     * throws `version_conflict` if the image has another version. Throws `image_not_found`.
     */
    update: (id: string, changes: Changes, { signal, version }: Cancel & { version?: number } = {}) =>
      request<Image>("PATCH", pathOf(id), {
        body: changes,
        headers: version === undefined ? {} : { "if-match": etagOf(version) },
        signal,
      }),

    /**
     * Takes an image out of the trash. It is `pending` until its variants were made again: `wait` for it. An image that is
     * not in the trash stays as it is. Throws `image_not_found`, `quota_exceeded`.
     */
    restore: (id: string, { signal }: Cancel = {}): Promise<Image> =>
      request("POST", `${pathOf(id)}/restore`, { signal }),

    /** Queues an image for processing again. Throws `image_not_found`, `image_not_ready`. */
    reprocess: (id: string, { signal }: Cancel = {}): Promise<Image> =>
      request("POST", `${pathOf(id)}/reprocess`, { signal }),

    /**
     * Changes up to 100 images in one request: `[{ op: "update", id, changes }, { op: "delete", id }]`. Returns a result for
     * each operation in the same order, with the `image`, or the `problem` of one that failed: `failed` is their number.
     * Throws `invalid_request`, then without having changed anything.
     */
    batch: (
      operations: readonly Operation[],
      { signal, idempotencyKey = randomKey() }: Cancel & { idempotencyKey?: string } = {},
    ): Promise<BatchResults> =>
      request("POST", "/images/batch", {
        body: { operations },
        headers: { "idempotency-key": idempotencyKey },
        signal,
      }),

    /**
     * Puts an image into the trash, from which `restore` brings it back until `trash.until`. On a stage without a trash,
     * or with `permanent`, deletes it: original, variants and record, with `permanent` their noncurrent versions too. The
     * audit trail stays. Removing a removed image succeeds. Throws `image_not_found`.
     */
    remove: (id: string, { signal, permanent }: Cancel & { permanent?: boolean } = {}): Promise<void> =>
      request("DELETE", pathOf(id), { query: { permanent: permanent ? "true" : undefined }, signal }),
  };
}

/** Returns filters as parameters of the API. */
function parametersOf<Given extends Filters>({ metadata = {}, ...rest }: Given) {
  const entries = Object.entries(metadata).map(([name, value]) => [`metadata.${name}`, value]);
  return { ...rest, ...Object.fromEntries(entries) };
}

/** Returns true if an image is `ready`, `rejected`, `failed` or `trashed`: the pipeline has no work to do on it. */
export const isFinal = ({ status }: Pick<Image, "status">): boolean =>
  status === "ready" || status === "rejected" || status === "failed" || status === "trashed";

const pathOf = (id: string) => `/images/${encodeURIComponent(id)}`;

const etagOf = (version: number) => `W/"v${version}"`;
