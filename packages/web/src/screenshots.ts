/**
 * Pictures of the page in every size and both colour schemes, for people to look at: `npm run screenshots -w
 * packages/web` writes them to `packages/web/screenshots`.
 */
import { mkdir } from "node:fs/promises";
import type { Page } from "playwright-core";
import { open, startWorld } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

const folder = new URL("../screenshots/", import.meta.url);

const sizes = [
  { width: 360, height: 780 },
  { width: 1280, height: 860 },
  { width: 2560, height: 1440 },
];

/** What is done on the page before its picture is taken. */
const views: Record<string, { route: string; go?: (page: Page) => Promise<void> }> = {
  gallery: { route: "#/", go: (page) => page.locator(".tile img.shown").nth(5).waitFor() },
  image: {
    route: "#/",
    go: async (page) => {
      await page.locator(".tile:has(img.shown)").nth(2).click();
      await page.getByRole("heading", { name: "History" }).waitFor();
    },
  },
  operations: { route: "#/operations", go: (page) => page.locator(".counts").waitFor() },
  nothing: {
    route: "#/?status=failed",
    go: (page) => page.getByRole("heading", { name: "No image matches" }).waitFor(),
  },
};

const titles = ["Over the pass", "First frost", "Evening, north ridge", "The long walk home", "Upper lake"];

const world = await startWorld();
try {
  await mkdir(folder, { recursive: true });
  for (let seed = 0; seed < 40; seed++) {
    const file = new File([new Uint8Array(await scene(seed))], `IMG_${4000 + seed}.jpg`, {
      type: "image/jpeg",
    });
    const title = seed % 3 === 0 ? titles[(seed / 3) % titles.length] : undefined;
    await world.client.upload(file, { title, tags: seed % 2 === 0 ? ["hills", "evening"] : undefined });
  }
  const torn = new File([Buffer.concat([Buffer.from("ffd8ffe0", "hex"), Buffer.alloc(900, 7)])], "torn.jpg", {
    type: "image/jpeg",
  });
  await world.client.upload(torn);
  for (const colorScheme of ["light", "dark"] as const) {
    for (const size of sizes) {
      for (const [name, { route, go }] of Object.entries(views)) {
        const page = await open(world, route, size);
        await page.emulateMedia({ colorScheme });
        await go?.(page);
        // Until what fades in has done so.
        await page.waitForTimeout(500);
        await page.screenshot({ path: new URL(`${name}-${size.width}-${colorScheme}.png`, folder).pathname });
        await page.close();
      }
    }
  }
  for (const complaint of world.complaints) console.error(complaint);
} finally {
  await world.stop();
}
