import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLines, runHere } from "../cli/fixture.ts";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { type Receiver, startReceiver, verify } from "./receiver.fixture.ts";

let cloud: TestCloud;
let receiver: Receiver;

beforeAll(async () => {
  cloud = await startTestCloud({ anonymous: true, egressLoopback: true });
  receiver = await startReceiver();
});

afterAll(async () => {
  await receiver?.stop();
  await cloud?.stop();
});

const webhooks = (...line: string[]) => runHere(["webhooks", ...line], { IMAGE_API_URL: cloud.url });
const data = async (...line: string[]) => {
  const { code, stdout, stderr } = await webhooks(...line, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return jsonLines<Record<string, string>>(stdout);
};

test("webhooks are created, tested, changed, rotated and deleted by the command, whose client shows the secret once", async () => {
  const [created] = await data("add", receiver.url, "--event", "image.ready", "image.deleted");
  expect(created).toMatchObject({
    events: ["image.ready", "image.deleted"],
    secret: expect.stringMatching(/^whsec_/),
  });
  const { id = "", secret = "" } = created ?? {};

  await data("test", id);
  const [first] = await receiver.until(1);
  if (!first) throw new Error("Nothing was received.");
  expect(verify(secret, first)).toMatchObject({ type: "webhook.test" });
  const delivered = async () => (await data("deliveries", id, "--status", "delivered"))[0];
  await expect.poll(delivered).toMatchObject({ type: "webhook.test", attempts: [{ status: 204 }] });
  const again = await webhooks("retry", id, (await delivered())?.id ?? "");
  expect(again.stdout).toMatch(/^pending {3}dlv_/);
  const [, second] = await receiver.until(2);
  expect(second?.headers["webhook-id"]).toBe(first.headers["webhook-id"]);

  const rotated = await webhooks("rotate", id);
  expect(rotated.stdout).toMatch(/whsec_.*\n\n.*cannot be shown again/);
  expect(rotated.stdout).not.toContain(secret);
  expect((await webhooks("update", id, "--disable", "--description", "Feed")).stdout).toMatch(/^manual/);
  expect(await data("update", id, "--enable", "--event", "image.failed")).toMatchObject([
    { enabled: true, events: ["image.failed"], description: "Feed" },
  ]);
  expect(await webhooks("update", id)).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing") });
  const listed = await webhooks("list");
  expect(listed.stdout).toContain(receiver.url);
  expect(listed.stdout).not.toContain("whsec_");
  expect((await webhooks("remove", id)).stdout).toContain(`${id} deleted`);
  expect(await webhooks("list")).toMatchObject({ code: 0, stdout: "", stderr: "No webhooks.\n" });
  expect((await webhooks("test", id)).code).toBe(1);
});

test("an internal URL and an unknown event are refused", async () => {
  expect(await webhooks("add", "https://10.0.0.1/hook")).toMatchObject({ code: 1 });
  expect(await webhooks("add", receiver.url, "--event", "image.seen")).toMatchObject({ code: 2 });
  expect(await webhooks("list")).toMatchObject({ stdout: "" });
});
