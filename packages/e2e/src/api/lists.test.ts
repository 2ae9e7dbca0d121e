import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;
let alice: string;
let bob: string;
let service: string;
/** Alice's images, oldest first. */
const mine: string[] = [];

type Page = { items: { id: string; owner: string; status: string; tags?: string[] }[]; nextCursor?: string };

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({ ...issuer.settings, pendingMax: 0 });
  [alice, bob] = await Promise.all([issuer.token("alice"), issuer.token("bob")]);
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
  for (let i = 0; i < 25; i++) mine.push(await announce(alice, i % 5 === 0 ? ["fifth"] : []));
  for (let i = 0; i < 5; i++) await announce(bob, ["fifth"]);
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

async function announce(as: string, tags: string[] = []): Promise<string> {
  const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1, tags };
  const response = await world.ask("/images", { json, as });
  return ((await response.json()) as { id: string }).id;
}

async function page(query: string, as = alice): Promise<Page> {
  const response = await world.ask(`/images?${query}`, { as });
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

/** Every id of a list, page by page; `between` runs after each. */
async function walk(query: string, between?: () => Promise<unknown>, as = alice): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor ? `${query}&cursor=${cursor}` : query, as);
    ids.push(...items.map(({ id }) => id));
    cursor = nextCursor;
    await between?.();
  } while (cursor);
  return ids;
}

describe("a list", () => {
  test.each([1, 7, 24, 25, 26, 100])(
    "walks to its end with every image once, in pages of %i",
    async (limit) => {
      expect(await walk(`limit=${limit}`)).toEqual(mine.toReversed());
      expect(await walk(`limit=${limit}&order=asc`)).toEqual(mine);
    },
  );

  test("holds only its owner's images, with any filter", async () => {
    const fifths = mine.filter((_, i) => i % 5 === 0).toReversed();
    expect(await walk("limit=2&tag=fifth")).toEqual(fifths);
    expect(await walk("limit=10&status=pending")).toEqual(mine.toReversed());
    expect(await walk("status=ready")).toEqual([]);
    expect(await walk("tag=Fifth")).toEqual([]);
  });

  test("begins at `createdAfter` and ends before `createdBefore`", async () => {
    const { items } = await page("limit=100");
    expect(items).toHaveLength(25);
    expect(await walk("createdAfter=2000-01-01T00:00:00Z&createdBefore=2099-01-01T00:00:00Z")).toHaveLength(
      25,
    );
    expect(await walk("createdAfter=2099-01-01T00:00:00Z")).toEqual([]);
    expect(await walk("createdBefore=2000-01-01T00:00:00%2B02:00")).toEqual([]);
    // A range that ends before it begins, and the ends of time.
    expect(await walk("createdAfter=2026-12-02T00:00:00Z&createdBefore=2026-12-01T00:00:00Z")).toEqual([]);
    expect(await walk("createdBefore=0000-01-01T00:00:00Z")).toEqual([]);
    expect(await walk("createdAfter=9999-12-31T23:59:59Z")).toEqual([]);
  });

  test("names the next page in `Link`, with the same filters, and nothing on the last", async () => {
    const first = await world.ask("/images?limit=20&order=asc", { as: alice });
    const link = first.headers.get("link") ?? "";
    expect(link).toMatch(/^<\/images\?limit=20&order=asc&cursor=[\w-]+>; rel="next"$/);
    const second = await world.ask(link.slice(1, link.indexOf(">")), { as: alice });
    const ids = async (response: Response) => ((await response.json()) as Page).items.map(({ id }) => id);
    expect([...(await ids(first)), ...(await ids(second))].slice(0, 25)).toEqual(mine);
    const last = await world.ask("/images?limit=100", { as: alice });
    expect(last.headers.has("link")).toBe(false);
  });

  test.each([
    ["newest first", "limit=9"],
    ["oldest first", "limit=9&order=asc"],
    ["in one status", "limit=9&status=pending"],
    ["with one tag, oldest first", "limit=9&tag=late&order=asc"],
    ["within a time, oldest first", "limit=9&order=asc&createdAfter=2020-01-01T00:00:00Z"],
    ["of everybody", "limit=9", true],
    ["of everybody, oldest first", "limit=9&order=asc", true],
  ])("gives each image once while others arrive, change and go: %s", async (_, query, ofAll = false) => {
    const as = ofAll ? service : alice;
    for (let i = 0; i < 6; i++) await announce(i % 3 === 0 ? bob : alice, ["late"]);
    const all = await walk(query.replace("limit=9", "limit=100"), undefined, as);
    // The oldest of those that both ends of the list will have to come to.
    const [gone = "", changed = ""] = all.slice(all.length / 2);
    let pages = 0;
    const seen = await walk(
      query,
      async () => {
        await Promise.all([announce(alice, ["late"]), announce(bob, ["late"])]);
        if (pages++ > 0) return;
        await world.ask(`/images/${gone}`, { method: "DELETE", as: service });
        await world.ask(`/images/${changed}`, { method: "PATCH", json: { title: "New" }, as: service });
      },
      as,
    );
    expect(pages).toBeGreaterThan(1);
    expect(new Set(seen).size).toBe(seen.length);
    expect(all.filter((id) => id !== gone && !seen.includes(id))).toEqual([]);
  });
});

describe("a cursor", () => {
  /** A valid one for exactly `query`. */
  const issued = async (query: string, as = alice) => (await page(query, as)).nextCursor ?? "";
  const use = (query: string, cursor: string, as = alice) =>
    world.ask(`/images?${query}&cursor=${encodeURIComponent(cursor)}`, { as });

  test("does not say which keys the table has", async () => {
    // After the 16 bytes of the signature, which may contain any two letters by chance.
    const payload = Buffer.from(await issued("limit=1"), "base64url")
      .subarray(16)
      .toString();
    expect(JSON.parse(payload)).toEqual([
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      expect.stringMatching(/^img_\w{26}$/),
      expect.any(Number),
    ]);
  });

  test("is good for another page size, and for nothing else of another list", async () => {
    const cursor = await issued("limit=2");
    expect((await use("limit=3", cursor)).status).toBe(200);
    for (const query of [
      "order=asc",
      "status=pending",
      "tag=fifth",
      "createdAfter=2026-01-01T00:00:00Z",
      "createdBefore=2099-01-01T00:00:00Z",
    ])
      expect([query, await codeOf(await use(query, cursor))]).toEqual([query, "invalid_cursor"]);
  });

  test("is of no use to anybody else", async () => {
    expect(await codeOf(await use("limit=2", await issued("limit=2"), bob))).toBe("invalid_cursor");
    expect(await codeOf(await use("limit=2", await issued("limit=2", bob), alice))).toBe("invalid_cursor");
  });

  test("10,000 that were changed, borrowed or made up are all refused", async () => {
    const { Cursor } = await import("@image-pipeline/core/images/cursor");
    const { ID } = await import("@image-pipeline/core/id");
    const [genuine, foreign] = [await issued("limit=2"), await issued("limit=2", bob)];
    const which = { owner: ID.ownerFromClaims(issuer.settings.jwtIssuer, "alice"), order: "desc" };
    const open = (cursor: string) => Cursor.open(which, cursor);
    expect(open(genuine)).toEqual([expect.any(String), expect.stringMatching(/^img_/)]);
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/.%";
    const mutate = (text: string) => {
      const at = random(text.length);
      const letter = alphabet[random(alphabet.length)] ?? "A";
      const ways = [
        () => text.slice(0, at) + letter + text.slice(at + 1),
        () => text.slice(0, at) + letter + text.slice(at),
        () => text.slice(0, at) + text.slice(at + 1),
        () => text.slice(0, at),
        () => text.slice(at) + text.slice(0, at),
        () => `${text}${letter}`,
        () => foreign.slice(0, at) + text.slice(at),
        () => text.slice(0, 22) + foreign.slice(22),
        () => foreign,
        () => Buffer.from(JSON.stringify(["2026", "img_x", Date.now() + 1e9])).toString("base64url"),
      ];
      return (ways[random(ways.length)] ?? (() => ""))();
    };
    const refused: string[] = [];
    const accepted: string[] = [];
    while (refused.length < 10_000 && accepted.length === 0) {
      const cursor = mutate(genuine);
      if (cursor === genuine) continue;
      try {
        open(cursor);
        accepted.push(cursor);
      } catch (error) {
        // Any other error would be a 500.
        if ((error as { code?: string }).code === "invalid_cursor") refused.push(cursor);
        else accepted.push(`${cursor}: ${error}`);
      }
    }
    expect(accepted).toEqual([]);
    // A sample of them the whole way, over HTTP.
    for (let i = 0; i < refused.length; i += 200)
      expect(await codeOf(await use("limit=2", refused[i] ?? "", alice))).toBe("invalid_cursor");
  });

  test("signed with another key is refused", async () => {
    const bytes = Buffer.from(await issued("limit=2"), "base64url");
    const payload = bytes.subarray(16);
    const mac = createHmac("sha256", "another key").update(payload).digest().subarray(0, 16);
    const forged = Buffer.concat([mac, payload]).toString("base64url");
    expect(await codeOf(await use("limit=2", forged))).toBe("invalid_cursor");
  });
});
