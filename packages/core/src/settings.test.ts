import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Settings } from "./settings.ts";

test("an empty environment gives every default", () => {
  expect(Settings.readPipeline({})).toMatchObject({
    bytesMax: 26_214_400,
    sideMax: 16_384,
    anonymous: false,
  });
  expect(Settings.readLocal({})).toEqual({
    host: "",
    publicUrl: "",
    port: 3000,
    s3Port: 3001,
    dynamodbPort: 3002,
    dataDir: ".data",
  });
});

test("an empty value means the default", () => {
  expect(Settings.readLocal({ PORT: " " }).port).toBe(3000);
});

test("every setting that is wrong is named at once, with what it must be", () => {
  expect(() => Settings.readPipeline({ BYTES_MAX: "25MB", FORMATS: "jpeg,svg", ANONYMOUS: "yes" })).toThrow(
    /BYTES_MAX=25MB: must be a whole number[\s\S]*FORMATS=jpeg,svg: may only contain[\s\S]*ANONYMOUS=yes: must be true or false/,
  );
});

test.each([
  "*",
  "https://*.example.com",
  "app.example.com",
  "https://app.example.com/",
  "https://a.example.com,*",
])("CORS_ORIGINS=%s is refused: S3 would allow more origins, or browsers none", (given) => {
  expect(() => Settings.readPipeline({ CORS_ORIGINS: given })).toThrow(/CORS_ORIGINS=.*: must be origins/);
});

test("origins are named one by one", () => {
  const given = "https://app.example.com, http://localhost:5173, capacitor://localhost";
  expect(Settings.readPipeline({ CORS_ORIGINS: given }).corsOrigins).toEqual([
    "https://app.example.com",
    "http://localhost:5173",
    "capacitor://localhost",
  ]);
});

test(".env.example names every setting with its default", () => {
  expect(readFileSync(new URL("../../../.env.example", import.meta.url), "utf8")).toBe(Settings.example());
});
