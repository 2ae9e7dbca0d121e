import { createClient } from "@image-pipeline/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumPath } from "../browser.fixture.ts";
import { describeWith } from "../needs.ts";
import { faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;

beforeAll(async () => {
  if (chromiumPath) world = await startWorld({ anonymous: false });
}, 60_000);
afterAll(() => world?.stop());

describeWith("chromium", "in Chromium", () => {
  test("401 opens the sign-in form, a wrong token is refused, a key opens the gallery, and a reload forgets it", async () => {
    const { ApiKey } = await import("@image-pipeline/core/api-key");
    const { key: secret } = await ApiKey.create({
      name: "gallery",
      scopes: ["images:read", "images:write", "service"],
    });
    const file = new File([new Uint8Array(await scene(1))], "IMG_1.jpg", { type: "image/jpeg" });
    await createClient({ baseUrl: world.url, token: secret }).upload(file);

    const page = await open(world);
    const sheet = page.getByRole("dialog", { name: "Sign in" });
    await sheet.waitFor();
    expect(await faultsOf(page)).toEqual([]);
    // No error is shown behind the form.
    expect(await page.locator("main h2").count()).toBe(0);
    await sheet.getByRole("button", { name: "Not now" }).click();
    await page.locator("main").getByRole("button", { name: "Sign in" }).click();
    await sheet.getByLabel("Token or key").fill("not-a-token");
    await sheet.getByRole("button", { name: "Sign in" }).click();
    await sheet.getByText("This token was not accepted.").waitFor();

    await sheet.getByLabel("Token or key").fill(secret);
    await sheet.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".tile img.shown").waitFor();
    await page.getByRole("link", { name: "Operations" }).click();
    await page.locator(".counts").waitFor();

    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
    );
    expect(kept).not.toContain(secret);
    await page.reload();
    await sheet.waitFor();
    expect(world.complaints).toEqual([]);
  });
});
