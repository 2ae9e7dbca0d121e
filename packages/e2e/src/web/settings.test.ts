/** The dialog of webhooks and usage. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { listen } from "@image-pipeline/local/listen";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { describeWith } from "../needs.ts";
import { eventually, faultsOf, open, startWorld, type World } from "./page.fixture.ts";
import { scene } from "./scenes.ts";

let world: World;
let page: Page;

beforeAll(async () => {
  world = await startWorld({ anonymous: true, egressLoopback: true });
}, 60_000);
afterAll(() => world?.stop());
afterEach(async () => {
  await page?.close();
  expect(world.complaints.splice(0)).toEqual([]);
});

const dialog = () => page.getByRole("dialog", { name: "Webhooks and usage" });
const openDialog = () => page.getByRole("button", { name: "Webhooks and usage" }).click();

describeWith("chromium", "in Chromium", () => {
  test("the usage of a month is loaded when it is asked for, and another month can be chosen", async () => {
    const file = new File([new Uint8Array(await scene(1))], "one.jpg", { type: "image/jpeg" });
    const { id } = await world.client.upload(file);
    await world.client.images.wait(id);
    const asked: string[] = [];
    page = await open(world, "#/operations", { width: 360, height: 780 });
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await openDialog();
    const numberOf = (name: string) =>
      dialog()
        .locator(".numbers div", { has: page.getByText(name, { exact: true }) })
        .locator("dd");
    await eventually(() => numberOf("Uploads").textContent()).toBe("1");
    for (const name of ["Bytes of uploads", "Originals", "Variants"])
      expect(await numberOf(name).textContent()).toMatch(/[1-9].* [kM]B$/);
    expect(asked).toContainEqual(expect.stringMatching(/^\/assets\/settings-.*\.js$/));
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    const months = dialog().getByLabel("Month");
    expect(await months.locator("option").count()).toBe(13);
    await months.selectOption({ index: 1 });
    await eventually(() => numberOf("Uploads").textContent()).toBe("0");
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
  });

  test("a webhook is added with its secret shown once, tested, retried, rotated, disabled and removed", async () => {
    const received: { headers: IncomingHttpHeaders; body: string }[] = [];
    let status = 500;
    const receiver = createServer(async (request, response) => {
      received.push({ headers: request.headers, body: await text(request) });
      response.writeHead(status).end();
    });
    const url = `${await listen(receiver, 0)}/hook`;
    onTestFinished(async () => {
      receiver.close();
      receiver.closeAllConnections();
      await once(receiver, "close");
    });
    page = await open(world, "#/operations");
    await openDialog();
    const named = (name: string) => dialog().getByRole("button", { name, exact: true });
    await named("Add a webhook").click();
    const field = dialog().getByLabel("URL of the receiver");
    await field.fill("https://10.0.0.1/hook");
    await named("Add").click();
    await dialog().getByText("address that is not public").waitFor();
    await field.fill(url);
    await dialog().getByLabel("image.deleted").check();
    expect(await faultsOf(page)).toEqual([]);
    await named("Add").click();
    const secret = dialog().locator(".secret code");
    const first = (await secret.textContent()) ?? "";
    expect(first).toMatch(/^whsec_/);
    const [created] = await world.client.webhooks.list();
    expect(created).toMatchObject({ url, events: ["image.ready", "image.deleted"], enabled: true });
    expect(await faultsOf(page)).toEqual([]);

    await named("Test").click();
    const deliveries = dialog().getByRole("list", { name: "Deliveries" });
    await deliveries.getByText("webhook.test").waitFor();
    await deliveries.getByText(/: 500, \d+ ms/).waitFor();
    await deliveries.getByText("Failed", { exact: true }).waitFor();
    status = 204;
    await deliveries.getByRole("button", { name: "Retry" }).click();
    await deliveries.getByText("Delivered", { exact: true }).waitFor();
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);

    await named("Rotate secret").click();
    await page
      .getByRole("dialog", { name: "Rotate the secret?" })
      .getByRole("button", { name: "Rotate" })
      .click();
    await eventually(() => secret.textContent()).not.toBe(first);
    await named("Hide the secret").click();
    await secret.waitFor({ state: "detached" });
    expect(await page.content()).not.toContain("whsec_");

    await named("Disable").click();
    await dialog().getByText("Disabled", { exact: true }).waitFor();
    expect(await world.client.webhooks.list()).toMatchObject([{ enabled: false, disabledReason: "manual" }]);
    await named("Enable").click();
    await dialog().getByText("Enabled", { exact: true }).waitFor();
    await named("Remove").click();
    await page
      .getByRole("dialog", { name: "Remove the webhook?" })
      .getByRole("button", { name: "Remove" })
      .click();
    await dialog().getByText("Sends a request to your server").waitFor();
    expect(await world.client.webhooks.list()).toEqual([]);
  });
});
