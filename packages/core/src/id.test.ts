import * as v from "valibot";
import { describe, expect, test, vi } from "vitest";
import { ID } from "./id.ts";

describe("an image's id", () => {
  test("is the same for the same key, and another for another key or bucket", () => {
    const ids = [
      ID.imageIDFromKey("uploads", "a/photo.JPG"),
      ID.imageIDFromKey("uploads", "a/photo.jpg"),
      ID.imageIDFromKey("upload", "sa/photo.jpg"),
    ];
    expect(ID.imageIDFromKey("uploads", "a/photo.JPG")).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(v.is(ID.imageID, id)).toBe(true);
  });

  test("is the SHA-256 of bucket, NUL and key in Crockford's base32", () => {
    // printf 'uploads\0photo.jpg' | sha256sum: 14791c1240e0adcea1…; its first 130 bits, five at a time.
    expect(ID.imageIDFromKey("uploads", "photo.jpg")).toBe("img_2HWHR4J0W2PWX89WRQVTW700SS");
  });

  test("sorts by time when it is new", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const first = ID.createImageID();
    vi.setSystemTime(Date.now() + 1);
    expect(first < ID.createImageID()).toBe(true);
    vi.useRealTimers();
  });
});

describe("an owner", () => {
  test("differs where the claims differ by case, delimiter or boundary alone", () => {
    const owners = [
      ID.ownerFromClaims("https://a", "User"),
      ID.ownerFromClaims("https://a", "user"),
      ID.ownerFromClaims("https://a", "user#b"),
      ID.ownerFromClaims("https://au", "ser"),
    ];
    expect(new Set(owners).size).toBe(4);
    for (const owner of owners) expect(v.is(ID.owner, owner)).toBe(true);
  });
});

describe("an upload's key", () => {
  test("names its owner and image when it was announced", () => {
    const imageID = ID.createImageID();
    expect(ID.parseKey(ID.keyOf("default", imageID))).toEqual({ owner: "default", imageID });
  });

  test.each([
    "photo.jpg",
    "a/b/img_00000000000000000000000000",
    "Default/img_00000000000000000000000000",
    "x/img_0",
  ])("says nothing when it is any other: %s", (key) => {
    expect(ID.parseKey(key)).toBeUndefined();
  });
});

test("images are spread over every shard", () => {
  const hit = new Set(Array.from({ length: 200 }, () => ID.shardOf(ID.createImageID())));
  expect(hit.size).toBe(ID.shards.length);
});
