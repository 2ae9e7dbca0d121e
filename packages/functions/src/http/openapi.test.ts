import { expect, test } from "vitest";
import { app } from "./app.ts";
import { documentOf } from "./openapi.ts";

test("the committed document is what the routes declare: `npm run openapi` writes it", async () => {
  const text = `${JSON.stringify(documentOf(app, "0.1.0"), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../../openapi.json");
});
