import { createClient } from "@image-pipeline/client";
import { randomFrom } from "@image-pipeline/core/fixture-random";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;
let alice: string;
let service: string;

type Image = {
  id: string;
  status: string;
  filename?: string;
  title?: string;
  alt?: string;
  tags?: string[];
  metadata?: Record<string, string>;
  source: { format?: string; takenAt?: string };
  createdAt: string;
  processedAt?: string;
};
type Page = { items: Image[]; nextCursor?: string };
type Fields = Pick<Image, "title" | "alt" | "tags" | "metadata"> & { filename?: string };

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({ ...issuer.settings, pendingMax: 0, uploadsPerDayMax: 0 });
  alice = await issuer.token("alice");
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
  for (let n = 0; n < 60; n++) await arrive(n);
  const bob = await issuer.token("bob");
  for (const title of ["Sunset harbour", "Sunrise café"])
    await create({ title, tags, metadata: { postId: "1", album: "42" } }, bob);
}, 60_000);
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

const random = randomFrom(16);
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const someOf = <T>(list: readonly T[]): T[] => list.filter(() => random() < 0.5);

const tags = ["sea", "sky", "late night"];
const words = ["Sunset", "sunrise", "Sunday", "harbour", "café"];

async function create(fields: Fields, as = alice): Promise<string> {
  const json = { filename: "IMG_2041.jpg", contentType: "image/jpeg", bytes: 1, ...fields };
  const response = await world.ask("/images", { json, as });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

/** Writes what the processor would: an image becomes ready with these facts, or is rejected without. */
async function process(id: string, facts?: { format: string; takenAt?: string }): Promise<void> {
  const { read, write } = await import("@image-pipeline/core/records/record");
  const before = await read(id);
  if (!before) throw new Error(`There is no record ${id}.`);
  const { version, ...draft } = before;
  const source = facts && {
    ...{ contentType: "image/jpeg", width: 2, height: 1, alpha: false, frames: 1 },
    ...facts,
  };
  const after: Partial<ImageRecord> = {
    status: facts ? "ready" : "rejected",
    source,
    processedAt: new Date().toISOString(),
    expiresAt: undefined,
  };
  const type = facts ? "ready" : "rejected";
  expect(await write(before, { ...draft, ...after }, { type, by: "processor" })).toBeDefined();
}

const facts = () => ({
  format: oneOf(["jpeg", "heic"]),
  takenAt: oneOf([
    undefined,
    `200${Math.floor(random() * 9)}-07-01T12:00:00`,
    `2005-07-01T1${Math.floor(random() * 9)}:00:00+02:00`,
  ]),
});

/** Creates an image of chance; three in four are processed. */
async function arrive(n: number): Promise<string> {
  const id = await create({
    filename: oneOf(["IMG_2041.jpg", "Harbour-7.PNG", "x.heic"]),
    title: `${oneOf(words)} ${oneOf(words)}`,
    ...(random() < 0.3 && { alt: `A ${oneOf(words)}, seen from the sea` }),
    tags: someOf(tags),
    metadata: { postId: String(n % 3), ...(random() < 0.5 && { album: "42" }) },
  });
  if (random() < 0.75) await process(id, random() < 0.8 ? facts() : undefined);
  return id;
}

async function page(query: string, as = alice): Promise<Page> {
  const response = await world.ask(`/images?${query}`, { as });
  if (response.status !== 200) throw new Error(`${query}: ${await response.text()}`);
  return (await response.json()) as Page;
}

/** Every image of a list, page by page; `between` runs after each. */
async function walk(query: string, between?: () => Promise<unknown>, as = alice): Promise<Image[]> {
  const images: Image[] = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor ? `${query}&cursor=${cursor}` : query, as);
    images.push(...items);
    cursor = nextCursor;
    await between?.();
  } while (cursor);
  return images;
}

const idsOf = (images: readonly Image[]) => images.map(({ id }) => id);

/** Words as a reader sees them, in place of the product's. */
const wordsOf = ({ title = "", filename = "", alt = "" }: Image) =>
  `${title} ${filename.replace(/\.\w+$/, "")} ${alt}`
    .toLowerCase()
    .replaceAll("é", "e")
    .split(/[^a-z0-9]+/);

const takenOf = ({ source: { takenAt } }: Image): number | undefined =>
  takenAt === undefined ? undefined : Date.parse(/\+\d\d:\d\d$/.test(takenAt) ? takenAt : `${takenAt}Z`);

/** Returns what a query lists, from the complete list, newest first. */
function expected(all: readonly Image[], query: string): Image[] {
  const given = new URLSearchParams(query);
  const [takenAfter, takenBefore] = ["takenAfter", "takenBefore"].map((name) => given.get(name));
  const isTimeline = given.has("orderBy") || takenAfter || takenBefore;
  const found = all.filter((image) => {
    const taken = takenOf(image);
    if (isTimeline && !image.processedAt) return false;
    if (takenAfter && !(taken !== undefined && taken >= Date.parse(takenAfter))) return false;
    if (takenBefore && !(taken !== undefined && taken < Date.parse(takenBefore))) return false;
    return [...given].every(([name, value]) => {
      if (name === "status") return image.status === value;
      if (name === "tag") return image.tags?.includes(value);
      if (name === "format") return image.source.format === value;
      if (name.startsWith("metadata.")) return image.metadata?.[name.slice(9)] === value;
      if (name !== "q") return true;
      return value
        .toLowerCase()
        .replaceAll("é", "e")
        .split(" ")
        .every((word) =>
          wordsOf(image).some((each) =>
            word.endsWith("*") ? each.startsWith(word.slice(0, -1)) : each === word,
          ),
        );
    });
  });
  const isAscending = given.get("order") === "asc";
  if (isAscending) found.reverse();
  if (!isTimeline) return found;
  const sign = isAscending ? 1 : -1;
  // A stable sort: images of one time stay in the order of their creation.
  return [
    ...found
      .filter((image) => takenOf(image) !== undefined)
      .sort((a, b) => sign * ((takenOf(a) ?? 0) - (takenOf(b) ?? 0))),
    ...found.filter((image) => takenOf(image) === undefined),
  ];
}

const queries = [
  "tag=sea",
  "tag=sea&tag=sky",
  "tag=sky&tag=sea&tag=late+night&order=asc",
  "tag=sea&status=ready",
  "status=rejected&tag=sky&order=asc",
  "format=heic",
  "format=jpeg&tag=sea&status=ready",
  "metadata.postId=1",
  "metadata.postId=1&metadata.album=42&order=asc",
  "q=sunset",
  "q=CAFE",
  "q=caf%C3%A9+harbour",
  "q=sun*",
  "q=sunset+har*&tag=sea&order=asc",
  "q=img*",
  "q=2041&metadata.album=42",
  "q=nothing",
  "orderBy=takenAt",
  "orderBy=takenAt&order=asc",
  "takenAfter=2003-01-01T00:00:00Z",
  "takenBefore=2005-07-01T11:00:00Z&order=asc",
  "takenAfter=2005-07-01T10:00:00Z&takenBefore=2005-07-01T14:00:00%2B02:00",
  "takenAfter=2008-01-01T00:00:00Z&takenBefore=2004-01-01T00:00:00Z",
];

describe("a query", () => {
  test.each(queries)("lists what a filter of the complete list gives: %s", async (query) => {
    const all = await walk("limit=100");
    const ids = idsOf(expected(all, query));
    if (!/nothing|2008/.test(query)) expect(ids.length).toBeGreaterThan(0);
    expect(ids.length).toBeLessThan(all.length);
    for (const limit of [1, 7, 100]) expect(idsOf(await walk(`${query}&limit=${limit}`))).toEqual(ids);
    const counted = await world.ask(`/images/count?${query.replace(/&?order(By)?=\w+/g, "")}`, { as: alice });
    const without = expected(all, query.replace(/&?order(By)?=\w+/g, ""));
    expect(await counted.json()).toEqual({ count: without.length, estimate: false });
  });

  test("of any filters of one kind lists what a filter of the complete list gives", async () => {
    const all = await walk("limit=100");
    const filters = [
      ...["tag=sea", "tag=sky", "tag=late+night", "status=ready", "status=pending", "format=jpeg"],
      ...["metadata.postId=2", "metadata.album=42", "q=sun*+harbour", "q=sunday", "order=asc"],
    ];
    let found = 0;
    for (let n = 0; n < 60; n++) {
      // Of two values of one name the later counts, except for tags.
      const some = someOf(someOf(filters));
      const query = some
        .filter((each, at) => {
          const [name = ""] = each.split("=");
          return name === "tag" || !some.slice(at + 1).some((later) => later.startsWith(`${name}=`));
        })
        .join("&");
      const ids = idsOf(expected(all, query));
      found += ids.length;
      expect([query, idsOf(await walk(`limit=4&${query}`))]).toEqual([query, ids]);
    }
    expect(found).toBeGreaterThan(100);
  });

  test.each(queries.filter((query) => !/nothing|2008/.test(query)))(
    "gives each image once while others arrive, change and go: %s",
    async (query) => {
      const [gone, changed, back] = idsOf(expected(await walk("limit=100"), query)).slice(-3);
      const before = idsOf(await walk(`${query}&limit=100`));
      let pages = 0;
      const seen = await walk(`${query}&limit=2`, async () => {
        // Not more than the walk can follow.
        if (pages < 5) await arrive(pages);
        if (pages++ > 0) return;
        const patch = (id = "", json: object) =>
          world.ask(`/images/${id}`, { method: "PATCH", json, as: service });
        await world.ask(`/images/${gone}`, { method: "DELETE", as: service });
        await patch(changed, { title: "Elsewhere", tags: [], metadata: {} });
        await patch(back, { metadata: { any: "1" } });
        await patch(back, { alt: "New" });
      });
      expect(new Set(idsOf(seen)).size).toBe(seen.length);
      const touched = [gone, changed, back];
      expect(before.filter((id) => !touched.includes(id) && !idsOf(seen).includes(id))).toEqual([]);
      // Afterwards nothing is in it that the complete list would not give.
      expect(idsOf(await walk(`${query}&limit=3`))).toEqual(idsOf(expected(await walk("limit=100"), query)));
    },
  );
});

describe("the words of an image", () => {
  test.each([
    ["É COLE", "É", ["e"]],
    ["Straße", "STRASSE", ["strasse"]],
    ["ﬁne Ⅷ", "fine viii", ["fine"]],
    ["東京都の写真", "写真", ["東京*"]],
    ["हिन्दी", "हिन्दी", ["हिन्दी"]],
    ["ภาษาไทย", "ไทย", ["ภาษา"]],
    ["nested_snake-kebab.dot", "snake", ["kebab", "dot", "nested"]],
    ["𝒳 and 😀", "x", ["and"]],
  ])("of %j are found by %j", async (title, q, others) => {
    const id = await create({ title, filename: "photo-of-words.jpeg" });
    for (const each of [q, ...others, `${q} words.jpeg`, "photo-of-words.jpeg"]) {
      const found = idsOf(await walk(new URLSearchParams({ q: each, limit: "100" }).toString()));
      expect([each, found.includes(id)]).toEqual([each, true]);
    }
  });

  test("are at most 50, those of the title first", async () => {
    const alt = Array.from({ length: 90 }, (_, n) => `w${n}`).join(" ");
    const id = await create({ title: "Counted words", filename: "named.jpg", alt });
    const isFound = async (q: string) => idsOf(await walk(`q=${q}`)).includes(id);
    expect([await isFound("counted"), await isFound("named"), await isFound("w46")]).toEqual([
      true,
      true,
      true,
    ]);
    expect(await isFound("w47")).toBe(false);
  });

  test("that begin with a prefix may be 50, and more are refused", async () => {
    for (let n = 0; n < 50; n++) await create({ title: `wide${String(n).padStart(2, "0")}`, filename: "x" });
    expect(await walk("q=wide*&limit=7")).toHaveLength(50);
    await create({ title: "wider", filename: "x" });
    const refused = await world.ask("/images?q=wide*", { as: alice });
    expect([refused.status, (await refused.json()).detail]).toEqual([
      400,
      '`q`: more than 50 words begin with "wide". Search for a longer prefix, or for a whole word without `*`.',
    ]);
    expect(await walk("q=wide1*")).toHaveLength(10);
  }, 30_000);
});

describe("a query that no index serves", () => {
  const timeline = "`orderBy=takenAt`, `takenAfter` and `takenBefore` work with each other";
  test.each([
    [
      "tag=sea&orderBy=takenAt",
      "tag",
      `\`tag=sea\` cannot be combined with \`orderBy=takenAt\`. ${timeline}`,
    ],
    [
      "status=ready&takenAfter=2026-01-01T00:00:00Z",
      "status",
      "`status=ready` cannot be combined with `takenAfter=2026-01-01T00:00:00Z`.",
    ],
    [
      "orderBy=takenAt&createdAfter=2026-01-01T00:00:00Z",
      "createdAfter",
      "`createdAfter=2026-01-01T00:00:00Z` cannot be combined with `orderBy=takenAt`.",
    ],
    [
      "orderBy=createdAt&takenBefore=2026-01-01T00:00:00Z",
      "orderBy",
      "`orderBy=createdAt` cannot be combined with `takenBefore=2026-01-01T00:00:00Z`.",
    ],
    ["q=...", "q", "`q=...` contains no word. Search for letters or digits"],
    ["q=a*+b*", "q", "`q=a* b*` contains 2 prefixes. One word may end with `*`."],
    ["q=1+2+3+4+5+6+7+8+9+10+11", "q", "The query has 11 tags, words"],
    ["metadata.=1", "metadata.", "needs a name"],
    ["metadata.a=1&metadata.a=2", "metadata.a", "Must be given once."],
    ["metadat.a=1", "metadat.a", "Unknown parameter."],
    ["format=bmp", "format", ""],
  ])("is refused with what works: %s", async (query, parameter, detail) => {
    for (const path of ["/images", "/images/count"].slice(0, query.includes("orderBy") ? 1 : 2)) {
      const response = await world.ask(`${path}?${query}`, { as: alice });
      const { errors } = (await response.json()) as { errors: object[] };
      expect([response.status, errors]).toEqual([
        400,
        [{ parameter, detail: expect.stringContaining(detail) }],
      ]);
    }
  });

  test.each(["tag=sea", "status=ready", "q=sun", "orderBy=takenAt", "metadata.a=1", "format=jpeg"])(
    "without an owner is refused: %s",
    async (query) => {
      const response = await world.ask(`/images?${query}`, { as: service });
      expect([response.status, (await response.json()).detail]).toEqual([
        400,
        `\`${query}\` needs an \`owner\`. Without one, \`createdAfter\` and \`createdBefore\` work with each other and with \`order\`.`,
      ]);
    },
  );
});

test("a cursor holds for its filters in any order, and for no other", async () => {
  const { nextCursor = "" } = await page(
    "tag=sea&tag=sky&metadata.a=1&metadata.b=2&limit=1".replace(/&metadata\.\w=\d/g, ""),
  );
  expect((await page(`tag=sky&tag=sea&tag=sea&limit=3&cursor=${nextCursor}`)).items.length).toBeGreaterThan(
    0,
  );
  for (const query of [
    ...["tag=sea", "tag=sea&tag=sky&status=ready", "tag=sea&tag=sky&format=jpeg"],
    ...["tag=sea&tag=sky&q=sun", "tag=sea&tag=sky&metadata.a=1", "orderBy=takenAt"],
  ]) {
    const response = await world.ask(`/images?${query}&cursor=${nextCursor}`, { as: alice });
    expect([query, await codeOf(response)]).toEqual([query, "invalid_cursor"]);
  }
});

describe("the cost of a page", () => {
  /** Counts the requests to the table while `run` runs, by operation. */
  async function counting<T>(
    run: () => Promise<T>,
  ): Promise<{ result: T; requests: Record<string, number> }> {
    const { Table } = await import("@image-pipeline/core/table/table");
    const requests: Record<string, number> = {};
    const name = "counting";
    Table.client().middlewareStack.add(
      (next, { commandName = "" }) =>
        (args) => {
          requests[commandName] = (requests[commandName] ?? 0) + 1;
          return next(args);
        },
      { step: "initialize", name },
    );
    const result = await run();
    Table.client().middlewareStack.remove(name);
    return { result, requests };
  }

  test("of one term or the timeline is one query and one batch of records", async () => {
    for (const query of ["tag=sea", "q=sunset", "metadata.postId=1", "format=jpeg", "orderBy=takenAt"]) {
      const { result, requests } = await counting(() => page(`${query}&limit=5`));
      // Of deleted images rows are left, because nothing cleans up here.
      expect(result.items.length).toBeGreaterThan(1);
      expect([query, requests]).toEqual([query, { QueryCommand: 1, BatchGetItemCommand: 1 }]);
    }
  });

  test("of terms that never meet is bounded, and the walk still ends", async () => {
    for (let n = 0; n < 240; n++) await create({ tags: [n % 2 ? "odd" : "even"], filename: "x" });
    const query = "tag=odd&tag=even&limit=1";
    const { result, requests } = await counting(() => page(query));
    expect([result.items, typeof result.nextCursor]).toEqual([[], "string"]);
    expect(requests.QueryCommand).toBeGreaterThanOrEqual(100);
    expect(requests.QueryCommand).toBeLessThanOrEqual(102);
    const both = await create({ tags: ["odd", "even"] });
    await create({ tags: ["odd"] });
    expect(idsOf(await walk(query))).toEqual([both]);
    expect(idsOf(await walk(`${query}&order=asc`))).toEqual([both]);
  }, 60_000);
});

describe("a count", () => {
  const countOf = async (query = "", as = alice) => (await world.ask(`/images/count${query}`, { as })).json();

  test("of an owner's images is exact, and of all owners' an estimate", async () => {
    const all = await walk("limit=100");
    expect(await countOf()).toEqual({ count: all.length, estimate: false });
    const ready = all.filter(({ status }) => status === "ready");
    expect(await countOf("?status=ready")).toEqual({ count: ready.length, estimate: false });
    // Two images are another owner's.
    expect(await countOf("", service)).toEqual({ count: all.length + 2, estimate: true });
    expect(await countOf("?status=ready", service)).toEqual({ count: ready.length, estimate: true });
    expect(await countOf("?createdAfter=2000-01-01T00:00:00Z", service)).toEqual({
      count: all.length + 2,
      estimate: false,
    });
  });

  test("ends at 1,000, and says so", async () => {
    const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
    const { TermEntity } = await import("@image-pipeline/core/table/term-entity");
    const { Term } = await import("@image-pipeline/core/records/terms");
    const { ID } = await import("@image-pipeline/core/id");
    // In batches: writing each like the API takes half a minute.
    const add = async (images: number) => {
      const at = new Date().toISOString();
      const records = Array.from({ length: images }, (): ImageRecord => {
        const imageID = ID.createImageID();
        const last = { version: 1, type: "announced", at, by: "test" } as const;
        const of = { imageID, owner: "many", key: ID.keyOf("many", imageID), tags: ["many"] };
        const state = { status: "pending", version: 1, attempt: 0, writeID: "w", last } as const;
        return { ...of, ...state, createdAt: at, updatedAt: at };
      });
      const row = { ...Term.partsOf(Term.ofTag("many")), version: 1 };
      await ImageEntity.put(records).go();
      await TermEntity.put(
        records.map(({ imageID, owner, createdAt }) => ({ ...row, imageID, owner, createdAt })),
      ).go();
    };
    await add(1_000);
    for (const query of ["?owner=many", "?owner=many&tag=many"])
      expect([query, await countOf(query, service)]).toEqual([query, { count: 1_000, estimate: false }]);
    await add(1);
    for (const query of ["?owner=many", "?owner=many&tag=many"])
      expect([query, await countOf(query, service)]).toEqual([query, { count: 1_000, estimate: true }]);
  }, 60_000);
});

test("the client sends every filter, several tags and metadata among them, and counts", async () => {
  const { images } = createClient({ baseUrl: world.url, token: alice, fetch: world.fetch });
  const all = await walk("limit=100");
  const filters = {
    tag: ["sea", "sky"],
    q: "sun*",
    metadata: { postId: "1" },
    createdAfter: "2000-01-01T00:00:00Z",
  };
  const query = "tag=sea&tag=sky&q=sun*&metadata.postId=1";
  const ids = idsOf(expected(all, `${query}&order=asc`));
  expect(ids.length).toBeGreaterThan(0);
  const found: string[] = [];
  for await (const { id } of images.list({ ...filters, order: "asc", limit: 2 })) found.push(id);
  expect(found).toEqual(ids);
  expect(await images.count(filters)).toEqual({ count: ids.length, estimate: false });
  const timeline: string[] = [];
  for await (const { id } of images.list({ orderBy: "takenAt" })) timeline.push(id);
  expect(timeline).toEqual(idsOf(expected(all, "orderBy=takenAt")));
});

test("rows that a crash has left bring an image neither into a list nor twice into one", async () => {
  const { read } = await import("@image-pipeline/core/records/record");
  const { Posting } = await import("@image-pipeline/core/records/postings");
  const { Term } = await import("@image-pipeline/core/records/terms");
  const id = await create({ title: "Real", tags: ["real"] });
  await process(id, { format: "png", takenAt: "1999-01-01T00:00:00" });
  const record = await read(id);
  if (!record) throw new Error(id);
  const left = [
    Term.ofTag("ghost"),
    Term.ofWord("ghostly"),
    Term.ofMetadata("ghost", "1"),
    Term.ofFormat("gif"),
  ];
  await Posting.add(record, [...left, "taken:1998-01-01T00:00:00.000Z", "taken:-"]);
  await Posting.add({ ...record, createdAt: "2020-01-01T00:00:00.000Z" }, Term.of(record));
  for (const query of ["tag=ghost", "q=ghostly", "q=ghost*", "metadata.ghost=1", "format=gif"])
    expect([query, await walk(query)]).toEqual([query, []]);
  expect(idsOf(await walk("tag=real"))).toEqual([id]);
  expect(idsOf(await walk("takenBefore=2000-01-01T00:00:00Z"))).toEqual([id]);
  expect(idsOf(await walk("orderBy=takenAt")).filter((each) => each === id)).toEqual([id]);
  expect(await (await world.ask("/images/count?tag=ghost", { as: alice })).json()).toEqual({
    count: 0,
    estimate: false,
  });
});

test("an image from before the index is found after its next write, or the reconciler's comparison", async () => {
  const { ImageEntity } = await import("@image-pipeline/core/table/image-entity");
  const { read } = await import("@image-pipeline/core/records/record");
  const { Posting } = await import("@image-pipeline/core/records/postings");
  const { Term } = await import("@image-pipeline/core/records/terms");
  const ids = [await create({ tags: ["older"] }), await create({ tags: ["older"] })];
  for (const id of ids) {
    const record = await read(id);
    if (!record) throw new Error(id);
    await Posting.remove(record, Term.of(record));
    const { indexed, ...old } = record;
    await ImageEntity.put(old).go();
  }
  expect(await walk("tag=older")).toEqual([]);
  const [first = "", second = ""] = ids;
  await world.ask(`/images/${first}`, { method: "PATCH", json: { title: "New" }, as: alice });
  expect(idsOf(await walk("tag=older"))).toEqual([first]);
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  await Reconcile.compare();
  expect(idsOf(await walk("tag=older"))).toEqual([second, first]);
});
