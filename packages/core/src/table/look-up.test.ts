import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { createImageID } from "../id.ts";
import { marshal, unmarshal } from "./attribute-value.ts";
import { record } from "./fixture-record.ts";
import { ImageEntity, type ImageRecord, indexed } from "./image-entity.ts";
import { lookUp, requestOf } from "./look-up.ts";
import { Table } from "./table.ts";

afterEach(() => void vi.restoreAllMocks());

test("asks for any image exactly as the entity would", () => {
  for (const imageID of [
    ...Array.from({ length: 200 }, () => createImageID()),
    "img_",
    "img_img_",
    "img_$#_$1é ",
  ])
    expect(requestOf(imageID)).toEqual(ImageEntity.get({ imageID }).params({ consistent: true }));
});

test("gives of what lies there exactly what the entity would", async () => {
  const whole: ImageRecord = {
    ...record,
    imageID: createImageID(),
    ...indexed({ sha256: "ab" }),
    sha256: "ab",
    title: "",
    tags: [],
    metadata: { __edb_e__: "theirs", constructor: "x" },
  };
  const { Item } = ImageEntity.put(whole).params<{ Item: Record<string, unknown> }>();
  const stored = { ...Item, gsi9pk: "an index of another version", added: "by another version" };
  vi.spyOn(Table.client, "call").mockImplementation(async () => ({ Item: unmarshal(marshal(stored)) }));
  const { data } = await ImageEntity.get({ imageID: whole.imageID }).go({ consistent: true });
  expect(await lookUp(whole.imageID)).toEqual(data);
  expect(data).toEqual(whole);
});

test("finds nothing where nothing lies", async () => {
  vi.spyOn(Table.client, "call").mockResolvedValue({});
  expect(await lookUp(createImageID())).toBeUndefined();
});

test("values come back as they went, whatever they are called", () => {
  // Numbers as DynamoDB keeps them: no -0, and no more than 38 digits.
  const number = fc
    .oneof(
      fc.maxSafeInteger(),
      fc.integer().map((n) => n / 1000),
    )
    .map((n) => n + 0);
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.string(),
      number,
      fc.boolean(),
      fc.constant(null),
      tie("list"),
      tie("map"),
    ),
    list: fc.array(tie("value")),
    map: fc.dictionary(fc.string(), tie("value"), { noNullPrototype: true }),
  }));
  const item = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor")), value, {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(
      item,
      (item) => void expect(unmarshal(JSON.parse(JSON.stringify(marshal(item))))).toEqual(item),
    ),
  );
  expect(Object.keys(unmarshal(JSON.parse('{"__proto__":{"S":"a"}}')))).toEqual(["__proto__"]);
});
