/** The check of the models that ElectroDB leaves to jsonschema, for which functions have a stand-in that says yes. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test, vi } from "vitest";

const require = createRequire(import.meta.url);
const { Validator } = require("jsonschema-real") as { Validator: { prototype: { validate(): object } } };
const validate = vi.spyOn(Validator.prototype, "validate");
// Before anything loads ElectroDB.
require("jsonschema").Validator = Validator;
const { Entity } = await import("./electrodb.ts");

test("every entity's model is one that ElectroDB takes, by the real check", async () => {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith("-entity.ts"));
  expect(files.length).toBeGreaterThan(6);
  validate.mockClear();
  for (const name of files.map((file) => file.replace(/-entity\.ts$/, "")))
    await import(`./${name}-entity.ts`);
  expect(validate.mock.calls.length).toBeGreaterThanOrEqual(files.length);
});

test("a model that is wrong is refused, so the real check is at work", () => {
  const wrong = { model: { service: "s", entity: "e", version: "1" }, attributes: { a: {} }, indexes: {} };
  expect(() => new Entity(wrong as never)).toThrow(/invalid|required|type/i);
});
