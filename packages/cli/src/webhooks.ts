/** `webhooks`: the endpoints that receive the events of images, and their deliveries. */
import { Option } from "@commander-js/extra-typings";
import type { Delivery, Webhook } from "@image-pipeline/client";
import { command, jsonOption, program, UsageError, urlOption, whole } from "./command.ts";
import { connect } from "./connect.ts";
import { bold, dim, fit, green, printable, red, yellow } from "./format.ts";

const eventTypes = [
  "image.ready",
  "image.rejected",
  "image.failed",
  "image.updated",
  "image.deleted",
] as const;

const print = (json: boolean | undefined, text: string, data: object) =>
  void process.stdout.write(`${json ? JSON.stringify(data) : text}\n`);

const eventOption = (about: string) => new Option("--event <type...>", about).choices(eventTypes);

const list = command("list", "List webhooks, oldest first", [`${program} webhooks list`])
  .option("--owner <owner>", "Owner, for API keys that may act for any (default: those of all owners)")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async ({ owner, url, json }) => {
    const all = await (await connect(url)).webhooks.list({ owner });
    for (const webhook of all) print(json, row(webhook), webhook);
    if (all.length === 0 && !json) process.stderr.write("No webhooks.\n");
  });

const add = command(
  "add",
  `Create a webhook, and print its secret

The secret is printed once: the receiver verifies the signatures of messages by it. The events arrive from about ten seconds after the creation.`,
  [
    `${program} webhooks add https://app.example.com/hooks --event image.ready image.rejected`,
    `EGRESS_LOOPBACK=true npm start   # allows receivers on this machine`,
  ],
)
  .argument("<receiver>", "URL of the receiver")
  .addOption(eventOption("Events to receive (default: all)").default(eventTypes, "all"))
  .option("--description <text>", "A note")
  .option("--owner <owner>", "Owner of the images, for API keys that may act for any (default: all owners)")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (receiver, { event: events, description, owner, url, json }) => {
    const { webhooks } = await connect(url);
    print(
      json,
      ...withSecret(await webhooks.create({ url: receiver, events: [...events], description, owner })),
    );
  });

const update = command("update", "Change a webhook, and disable or enable it", [
  `${program} webhooks update whk_… --event image.ready`,
  `${program} webhooks update whk_… --enable`,
])
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .option("--receiver <url>", "URL of the receiver")
  .addOption(eventOption("Events to receive"))
  .option("--description <text>", "A note; an empty one removes it")
  .addOption(new Option("--enable", "Send events again, and forget the failures").conflicts("disable"))
  .option("--disable", "Send no events")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { receiver, event: events, description, enable, disable, url, json }) => {
    const changes = {
      url: receiver,
      events,
      description: description === "" ? null : description,
      enabled: enable ? true : disable ? false : undefined,
    };
    if (Object.values(changes).every((value) => value === undefined))
      throw new UsageError("There is nothing to change. Name one of the options.");
    const webhook = await (await connect(url)).webhooks.update(id, changes);
    print(json, row(webhook), webhook);
  });

const remove = command("remove", "Delete a webhook with its secret; pending deliveries are not sent")
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { url, json }) => {
    await (await connect(url)).webhooks.remove(id);
    print(json, `${green("✓")} ${printable(id)} deleted`, { id, deleted: true });
  });

const rotate = command(
  "rotate",
  `Replace a webhook's secret, and print the new one

For a day messages are signed with both. If a secret has leaked, delete the webhook instead and create another one.`,
)
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { url, json }) => {
    print(json, ...withSecret(await (await connect(url)).webhooks.rotate(id)));
  });

const test = command("test", "Send a message of the type webhook.test")
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { url, json }) => {
    const delivery = await (await connect(url)).webhooks.test(id);
    print(
      json,
      `${attemptsOf(delivery)}\n${dim(`See the result with \`webhooks deliveries ${printable(id)}\`.`)}`,
      delivery,
    );
  });

const deliveries = command("deliveries", "List a webhook's deliveries of the last seven days, newest first", [
  `${program} webhooks deliveries whk_… --status failed`,
])
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .addOption(
    new Option("--status <status>", "Only deliveries with this status").choices([
      "pending",
      "delivered",
      "failed",
    ] as const),
  )
  .option("--limit <n>", "At most n deliveries; 0 for all", whole(0, 1_000_000_000), 50)
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, { status, limit, url, json }) => {
    const { webhooks } = await connect(url);
    let shown = 0;
    for await (const delivery of webhooks.deliveries(id, { status })) {
      print(json, attemptsOf(delivery), delivery);
      if (++shown === limit) break;
    }
    if (shown === 0 && !json) process.stderr.write("No deliveries.\n");
  });

const retry = command("retry", "Send a delivery again, with the same webhook-id")
  .argument("<id>", "The webhook's id, from `webhooks list`")
  .argument("<delivery>", "The delivery's id, from `webhooks deliveries`")
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(async (id, delivery, { url, json }) => {
    const again = await (await connect(url)).webhooks.retry(id, delivery);
    print(json, attemptsOf(again), again);
  });

/** The command. Its subcommands call the API, as any client does. */
export const webhooks = [list, add, update, remove, rotate, test, deliveries, retry].reduce(
  (parent, subcommand) => parent.addCommand(subcommand),
  command("webhooks", "Send the events of images to a server, signed").helpCommand(false),
);

function withSecret(webhook: Webhook & { secret: string }): [text: string, data: object] {
  const hint = dim("  Store it now: it cannot be shown again.");
  return [`${row(webhook)}\n\n  ${webhook.secret}\n\n${hint}`, webhook];
}

function row({ id, url, events, enabled, disabledReason, owner = "all owners" }: Webhook): string {
  const state = enabled ? green(fit("enabled", 9)) : red(fit(disabledReason ?? "disabled", 9));
  return `${state} ${id}  ${bold(printable(url))}  ${events.join(", ")}  ${dim(owner)}`;
}

function attemptsOf({ id, type, status, imageId = "", attempts, nextAttemptAt }: Delivery): string {
  const paint = { delivered: green, failed: red }[status] ?? yellow;
  const last = attempts.at(-1);
  const result = last ? `${last.status ?? last.error ?? ""} in ${last.ms} ms` : "no attempt yet";
  const next = nextAttemptAt && status === "pending" ? `  ${dim(`next by ${nextAttemptAt}`)}` : "";
  return `${paint(fit(status, 9))} ${id}  ${fit(type, 14)} ${imageId}  ${result}${next}`;
}
