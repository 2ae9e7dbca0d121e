import { describe, expect, test } from "vitest";
import { fingerprint } from "../engine/recipe.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { Placement } from "./placement.ts";
import { Protocol } from "./protocol.ts";
import { Visibility } from "./visibility.ts";

const imageID = "img_00000000000000000000000000";
const hidden = "private/default/";
const now = Date.parse("2026-01-01T00:10:00Z");
const variant = (prefix = "") => ({
  key: `${prefix}${imageID}/1-aa/small.webp`,
  ...{ format: "webp", width: 9, height: 9, bytes: 1 },
});
const shown: ImageRecord = {
  imageID,
  owner: "default",
  status: "ready",
  key: "photo.jpg",
  sequencer: "2",
  etag: "b",
  recipe: fingerprint,
  attempt: 3,
  version: 7,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
  writeID: "w",
  last: { version: 7, type: "ready", at: "2026-01-01T00:00:00.000Z", by: "processor" },
  variants: { small: variant() },
  superseded: [{ keys: ["old", `${hidden}kept`], at: new Date(now).toISOString() }],
};

function changed(before: ImageRecord, visibility: "public" | "private") {
  const { version, ...draft } = { ...before, visibility };
  return Visibility.onVisibility(before, draft, now);
}

describe("another visibility", () => {
  test("to private names no public file from then on, and fences a worker that writes them", () => {
    for (const status of ["ready", "processing", "rejected", "failed"] as const)
      expect(changed({ ...shown, status }, "private")).toMatchObject({
        status: "pending",
        attempt: 4,
        variants: undefined,
        superseded: [{ keys: [`${hidden}kept`] }],
        revoked: { keys: [shown.variants?.small?.key, "old"] },
      });
  });

  test("to public keeps the private files until others exist", () => {
    const variants = { small: variant(hidden) };
    const after = changed({ ...shown, visibility: "private", variants, superseded: undefined }, "public");
    expect(after).toMatchObject({ status: "pending", variants, revoked: undefined });
    expect(Protocol.rules.keptVariants({ ...shown, ...after, recipe: fingerprint })).toEqual({});
  });

  test("of an image without bytes, or in the queue already, changes only what it says", () => {
    for (const before of [
      { ...shown, etag: undefined },
      { ...shown, status: "pending" as const },
    ])
      expect(changed(before, "private")).toMatchObject({ status: before.status, attempt: 3 });
    expect(changed(shown, "public")).toMatchObject({ status: "ready", attempt: 3 });
  });

  test("is settled when what no record names is removed, but not what a later attempt writes", () => {
    const key = (attempt: number) => `${imageID}/${attempt}-aa/small.webp`;
    const after: ImageRecord = {
      ...shown,
      visibility: "private",
      variants: { small: variant(hidden) },
      revoked: { keys: ["gone"], until: "" },
    };
    expect(Visibility.keysToRevoke(after, [key(1), key(3), key(4)])).toEqual(["gone", key(1), key(3)]);
    expect(Visibility.keysToRevoke({ ...after, visibility: "public" }, [key(1)])).toEqual(["gone"]);
    expect(Visibility.onRevoked(after).draft).toMatchObject({ revoked: undefined, dueAt: undefined });
  });
});

test("files of a private image are under its owner, and open ones where those of a public image are", () => {
  const claim = { ...shown, visibility: "private" as const };
  const etag = "0a1b2c3d4e";
  expect(Placement.pathOf(claim, etag)).toMatch(new RegExp(`^${hidden}${imageID}/3-0a1b2c3d[0-9a-f]{8}$`));
  expect(Placement.pathOf(claim, etag, true)).toMatch(new RegExp(`^${imageID}/3-`));
  // The URL of one claim does not tell that of another.
  expect(Placement.pathOf({ ...claim, writeID: "x" }, etag)).not.toBe(Placement.pathOf(claim, etag));
});
