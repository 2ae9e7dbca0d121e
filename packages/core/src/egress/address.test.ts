import { expect, test } from "vitest";
import { Address } from "./address.ts";
import { internal, open } from "./fixture-addresses.ts";

test.each(internal)("%s is not public: %s", (address) => {
  expect(Address.isPublic(address)).toBe(false);
});

test.each(open)("%s is public", (address) => {
  expect(Address.isPublic(address)).toBe(true);
});

test.each(["", "localhost", "1.2.3.4.5", "::g", "1.1.1.1/32"])(
  "%j, which is no address, is not public",
  (text) => {
    expect(Address.isPublic(text)).toBe(false);
  },
);
