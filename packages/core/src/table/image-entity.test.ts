import { describe, expect, test } from "vitest";
import { EventEntity } from "./event-entity.ts";
import { full, record } from "./fixture-record.ts";
import { ImageEntity, type ImageRecord } from "./image-entity.ts";
import { TermEntity } from "./term-entity.ts";

const { imageID, createdAt } = record;

const itemOf = (record: ImageRecord) =>
  ImageEntity.put(record).params<{ Item: Record<string, unknown> }>().Item;

/** Key design is a contract: what is stored cannot be renamed. */
describe("the keys of an image", () => {
  const keysOf = (change: Partial<ImageRecord>) =>
    Object.fromEntries(
      Object.entries(itemOf({ ...record, ...change })).filter(([name]) => /^(pk|sk|gsi\d[ps]k)$/.test(name)),
    );

  test("that is ready and known by its content", () => {
    expect(keysOf({ sha256: "ab" })).toEqual({
      pk: `$images#imageID_${imageID}`,
      sk: "$image_1",
      gsi1pk: "$images#owner_default",
      gsi1sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi2pk: "$images#owner_default#status_ready",
      gsi2sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi3pk: "$images#shard_0",
      gsi3sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi5pk: "$images#owner_default#content_ab",
      gsi5sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi6pk: "default",
      gsi6sk: `${createdAt}#${imageID}`,
    });
  });

  test("that is unfinished include `stuck`, by when it is due", () => {
    expect(keysOf({ status: "processing", dueAt: createdAt })).toMatchObject({
      gsi4pk: "$images#shard_0",
      gsi4sk: `$image_1#dueOrder_${createdAt}#imageID_${imageID}`,
    });
  });

  test.each([
    ["stuck, if nothing is due", {}, "gsi4"],
    ["byContent, if it has no hash", {}, "gsi5"],
    ["byContent, if it is not ready", { sha256: "ab", status: "rejected" }, "gsi5"],
    ["byChange, if it has had no bytes", { status: "pending" }, "gsi6"],
  ] satisfies [string, Partial<ImageRecord>, string][])("leave it out of %s", (_, change, index) => {
    expect(Object.keys(keysOf(change)).filter((name) => name.startsWith(index))).toEqual([]);
  });

  test("that is deleted keep it out of every list, but not out of the change feed", () => {
    expect(Object.keys(keysOf({ status: "deleted" }))).toEqual(["pk", "sk", "gsi6pk", "gsi6sk"]);
  });

  test("keep their case", () => {
    expect(keysOf({ owner: "AbC" }).gsi1pk).toBe("$images#owner_AbC");
  });

  test("follow from the record, not from derived attributes that a caller passes", () => {
    const outdated = { shard: "7", dueOrder: "-", content: "cd" };
    const change = { sha256: "ab", dueAt: createdAt };
    expect(itemOf({ ...record, ...change, ...outdated })).toEqual(itemOf({ ...record, ...change }));
  });
});

describe("a partial update of what an index is derived from", () => {
  const patch = () => ImageEntity.patch({ imageID }).set({ dueAt: createdAt });

  test("moves the image in the index", () => {
    const { ExpressionAttributeNames, ExpressionAttributeValues } = patch().composite({ shard: "0" }).params<{
      ExpressionAttributeNames: Record<string, string>;
      ExpressionAttributeValues: Record<string, string>;
    }>();
    expect(Object.values(ExpressionAttributeNames)).toEqual(expect.arrayContaining(["gsi4pk", "gsi4sk"]));
    expect(Object.values(ExpressionAttributeValues)).toContain(
      `$image_1#dueOrder_${createdAt}#imageID_${imageID}`,
    );
  });

  test("is refused without the rest of the index key", () => {
    expect(() => patch().params()).toThrow("shard");
  });
});

describe("a row", () => {
  test("has the shape of every row that is stored already", () => {
    expect(itemOf(full)).toMatchSnapshot();
  });

  test("is read back whole, without the derived attributes", () => {
    expect(ImageEntity.parse({ Item: itemOf(full) }).data).toEqual(full);
  });

  test("keeps the files of a variant that this recipe does not have", () => {
    const hero = { key: "k", format: "webp", bytes: 9, width: 8, height: 8 };
    const stored = { ...itemOf(record), variants: { hero } };
    const { data } = ImageEntity.parse({ Item: stored });
    expect(data && itemOf(data)).toEqual(stored);
  });

  test("holds the keys of public files without the image's id, and is read back with it", () => {
    const file = (key: string) => ({ key, format: "webp", bytes: 9 });
    const size = { width: 8, height: 8 };
    const variants = {
      small: { ...file(`${imageID}/1-a/small.webp`), ...size, also: [file(`${imageID}/1-a/small.avif`)] },
      large: { ...file(`private/default/${imageID}/1-a/large.webp`), ...size },
    };
    const stored = itemOf({ ...record, variants });
    const { data } = ImageEntity.parse({ Item: stored });
    expect(stored.variants).toEqual({
      small: { ...file("/1-a/small.webp"), ...size, also: [file("/1-a/small.avif")] },
      large: variants.large,
    });
    expect(data?.variants).toEqual(variants);
    expect(ImageEntity.parse({ Item: { ...stored, variants } }).data?.variants).toEqual(variants);
  });

  test("holds no object key that follows from owner and id, and is read back with it", () => {
    const key = `default/${imageID}`;
    const stored = itemOf({ ...record, key });
    expect(stored).not.toHaveProperty("key");
    expect(ImageEntity.parse({ Item: stored }).data?.key).toBe(key);
    for (const other of [`other/${imageID}`, "a.jpg"]) {
      expect(itemOf({ ...record, key: other }).key).toBe(other);
      expect(ImageEntity.parse({ Item: { ...stored, key: other } }).data?.key).toBe(other);
    }
    expect(ImageEntity.parse({ Item: { ...stored, key } }).data?.key).toBe(key);
  });

  test("keeps a transition of a type that this version does not have", () => {
    const stored = { ...itemOf(record), last: { ...record.last, type: "archived", detail: { any: true } } };
    const { data } = ImageEntity.parse({ Item: stored });
    expect(data && itemOf(data)).toEqual(stored);
  });

  test.each([
    ["source", { width: "2" }],
    ["placeholder", { color: "#fff" }],
    ["error", { code: "x" }],
    ["superseded", [{ keys: [] }]],
    ["tags", [1]],
  ])("is refused with a %s of another shape", (name, value) => {
    const refused = Object.assign({ ...full }, { [name]: value });
    expect(() => itemOf(refused)).toThrow(name);
  });
});

describe("every access pattern", () => {
  const at = { createdAt };
  test.each([
    ["byID", ImageEntity.get({ imageID }).params()],
    ["byOwner", ImageEntity.query.byOwner({ owner: "default" }).between(at, at).params()],
    [
      "byOwnerStatus",
      ImageEntity.query.byOwnerStatus({ owner: "default", status: "ready" }).between(at, at).params(),
    ],
    ["recent", ImageEntity.query.recent({ shard: "3" }).between(at, at).params()],
    ["stuck", ImageEntity.query.stuck({ shard: "3" }).lt({ dueOrder: createdAt }).params()],
    ["byContent", ImageEntity.query.byContent({ owner: "default", content: "ab" }).params()],
    ["events byImage", EventEntity.query.byImage({ imageID }).params()],
    [
      "byTerm",
      TermEntity.query
        .byTerm({ owner: "default", kind: "word" })
        .between({ term: "cat", ...at, imageID }, { term: "cat", ...at, imageID })
        .params(),
    ],
  ])("%s asks by key and never scans", (_, params) => {
    expect(params).toMatchSnapshot();
  });
});
