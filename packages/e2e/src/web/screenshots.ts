/**
 * Screenshots of the page at three widths and in both colour schemes: `npm run screenshots -w packages/e2e` writes them
 * to `packages/e2e/screenshots`; `npm run screenshots -w packages/e2e -- gallery image` only these views.
 */
import { mkdir } from "node:fs/promises";
import type { Page } from "playwright-core";
import { drop, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

const folder = new URL("../../screenshots/", import.meta.url);

/** Names of the views; none: all. */
const wanted = process.argv.slice(2);

const sizes = [
  { width: 360, height: 780 },
  { width: 768, height: 1024 },
  { width: 1280, height: 860 },
  { width: 2560, height: 1440 },
];

type View = { route: string; go: (page: Page) => Promise<unknown> };

const full: Record<string, View> = {
  gallery: { route: "#/", go: (page) => page.locator(".tile img.shown").nth(5).waitFor() },
  filters: {
    route: "#/?q=frost&tag=hills&sort=oldest",
    go: (page) => page.locator(".tile img.shown").first().waitFor(),
  },
  // Scrolled, with the month of the images in the window.
  month: {
    route: "#/",
    go: async (page) => {
      await page.locator(".tile img.shown").nth(5).waitFor();
      await page.mouse.wheel(0, 700);
      await page.locator(".date-here").waitFor();
    },
  },
  image: { route: "#/", go: openImage },
  // The focal point, set by a click.
  focus: {
    route: "#/",
    go: async (page) => {
      await openImage(page);
      const point = page.getByRole("button", { name: "Focal point" });
      await point.scrollIntoViewIfNeeded();
      await point.click({ position: { x: 60, y: 60 } });
      await page.getByRole("button", { name: "Undo" }).scrollIntoViewIfNeeded();
      await page.getByText("Saved", { exact: true }).waitFor();
    },
  },
  // The lower end of an image's panel.
  actions: {
    route: "#/",
    go: async (page) => {
      await openImage(page);
      await page.getByRole("button", { name: "Delete" }).scrollIntoViewIfNeeded();
    },
  },
  // Several images selected, and what can be done with them.
  selection: { route: "#/", go: (page) => select(page) },
  // After a deletion of several images, which the next view finds in the trash.
  undo: {
    route: "#/",
    go: async (page) => {
      await select(page);
      await page
        .getByRole("region", { name: "Selection" })
        .getByRole("button", { name: "Delete", exact: true })
        .click();
      await page.getByText("to the trash").waitFor();
    },
  },
  trash: {
    route: "#/?status=trashed",
    go: (page) => page.locator(".tile").nth(1).waitFor(),
  },
  trashed: {
    route: "#/?status=trashed",
    go: async (page) => {
      await page.locator(".tile").first().click();
      await page.getByText("unless you restore it").waitFor();
    },
  },
  url: {
    route: "#/",
    go: async (page) => {
      await page.getByRole("button", { name: /URL/ }).first().click();
      await page.getByRole("dialog").waitFor();
    },
  },
  settings: {
    route: "#/operations",
    go: async (page) => {
      await page.getByRole("button", { name: "Webhooks and usage" }).click();
      await page.getByText("Stored now").waitFor();
    },
  },
  operations: { route: "#/operations", go: (page) => page.locator(".counts").waitFor() },
  nothing: {
    route: "#/?status=failed",
    go: (page) => page.getByRole("heading", { name: "No image matches" }).waitFor(),
  },
  uploads: {
    route: "#/",
    go: async (page) => {
      await page.locator(".tile img.shown").nth(5).waitFor();
      const text = { name: "notes.txt", type: "text/plain", bytes: Buffer.from("Bread, milk") };
      await drop(page, [await picture(50), await picture(51), torn, text]);
      await page.getByText("2 uploaded, 2 not").waitFor();
    },
  },
};

/** Selects two images. */
async function select(page: Page) {
  await page.locator(".tile img.shown").nth(5).waitFor();
  for (const n of [1, 2]) {
    await page.locator(".tile").nth(n).focus();
    await page.keyboard.press("Space");
  }
  await page.getByText("2 selected").waitFor();
}

const empty: View = {
  route: "#/",
  go: (page) => page.getByRole("heading", { name: "No images yet" }).waitFor(),
};

/** The response of a deployed stage without a token. */
const signIn: View = {
  route: "#/",
  go: async (page) => {
    const body = JSON.stringify({ status: 401, code: "unauthenticated", title: "Authentication required." });
    const answer = { status: 401, contentType: "application/problem+json", body };
    await page.route(/\/images\?/, (request) => request.fulfill(answer));
    await page.reload();
    await page.getByRole("dialog", { name: "Sign in" }).waitFor();
  },
};

async function openImage(page: Page) {
  await page.locator(".tile:has(img.shown)").nth(2).click();
  await page.getByRole("heading", { name: "History" }).waitFor();
}

async function picture(seed: number) {
  return { name: `IMG_${4000 + seed}.jpg`, type: "image/jpeg", bytes: Buffer.from(await scene(seed)) };
}

const torn = {
  name: "torn.jpg",
  type: "image/jpeg",
  bytes: Buffer.concat([Buffer.from("ffd8ffe0", "hex"), Buffer.alloc(900, 7)]),
};

const titles = ["Over the pass", "First frost", "Evening, north ridge", "The long walk home", "Upper lake"];

await mkdir(folder, { recursive: true });
const world = await startWorld({ anonymous: true, trashDays: 7 });
try {
  await shoot(world, { empty, signIn });
  for (let seed = 0; seed < 40; seed++) {
    const { name, type, bytes } = await picture(seed);
    const title = seed % 3 === 0 ? titles[(seed / 3) % titles.length] : undefined;
    const tags = seed % 2 === 0 ? ["hills", "evening"] : undefined;
    await world.client.upload(new File([bytes], name, { type }), { title, tags });
  }
  await shoot(world, full);
} finally {
  await world.stop();
}

/** Takes a screenshot of each view at each size and in both colour schemes. */
async function shoot(from: World, views: Record<string, View>) {
  for (const [name, { route, go }] of Object.entries(views)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const colorScheme of ["light", "dark"] as const) {
      for (const size of sizes) {
        const page = await open(from, route, size);
        await page.emulateMedia({ colorScheme });
        await go(page);
        // Until transitions are over.
        await page.waitForTimeout(500);
        await page.screenshot({ path: new URL(`${name}-${size.width}-${colorScheme}.png`, folder).pathname });
        await page.close();
      }
    }
  }
  for (const complaint of from.complaints) console.error(complaint);
}
