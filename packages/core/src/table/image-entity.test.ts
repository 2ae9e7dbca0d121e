import { describe, expect, test } from "vitest";
import { EventEntity } from "./event-entity.ts";
import { record } from "./fixture-record.ts";
import { ImageEntity, type ImageRecord, indexed } from "./image-entity.ts";
import { TagEntity } from "./tag-entity.ts";

const { imageID, createdAt } = record;

/** Key design is a contract: stored keys cannot be renamed. */
describe("the keys of an image", () => {
  const keysOf = (change: Partial<ImageRecord>) => {
    const { Item } = ImageEntity.put({ ...record, ...change, ...indexed(change) }).params<{
      Item: Record<string, string>;
    }>();
    return Object.fromEntries(Object.entries(Item).filter(([name]) => /^(pk|sk|gsi\d[ps]k)$/.test(name)));
  };

  test("that is ready and known by its content", () => {
    expect(keysOf({ sha256: "ab" })).toEqual({
      pk: `$images#imageID_${imageID}`,
      sk: "$image_1",
      gsi1pk: "$images#owner_default",
      gsi1sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi2pk: "$images#owner_default#status_ready",
      gsi2sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi3pk: "$images#shard_3",
      gsi3sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
      gsi5pk: "$images#owner_default#content_ab",
      gsi5sk: `$image_1#createdAt_${createdAt}#imageID_${imageID}`,
    });
  });

  test("that is unfinished put it among the stuck, by when it is due", () => {
    expect(keysOf({ status: "processing", dueAt: createdAt })).toMatchObject({
      gsi4pk: "$images#shard_3",
      gsi4sk: `$image_1#dueOrder_${createdAt}#imageID_${imageID}`,
    });
  });

  test("that is deleted keep it out of every list", () => {
    expect(Object.keys(keysOf({ status: "deleted" }))).toEqual(["pk", "sk"]);
  });

  test("keep their case", () => {
    expect(keysOf({ owner: "AbC" }).gsi1pk).toBe("$images#owner_AbC");
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
    ["tags byImage", TagEntity.query.byImage({ imageID }).params()],
    ["byTag", TagEntity.query.byTag({ owner: "default", tagHash: "ab" }).between(at, at).params()],
  ])("%s asks by key and never scans", (_, params) => {
    expect(params).toMatchSnapshot();
  });
});
