/** `key`: creates, lists and revokes API keys. */
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { ApiKey } from "@image-pipeline/core/api-key";
import { type Scope, scopes } from "@image-pipeline/core/scope";
import { command, jsonOption, program, UsageError, yesOption } from "./command.ts";
import { confirmStage } from "./confirm.ts";
import { bold, dim, fit, green, printable, red, yellow } from "./format.ts";
import { requireStage } from "./stage.ts";

const print = (json: boolean | undefined, text: string, data: object) =>
  void process.stdout.write(`${json ? JSON.stringify(data) : text}\n`);

const create = command(
  "create",
  `Create an API key

The key is printed once; only its hash is stored. With the scope \`service\` it acts for any owner, otherwise for one.`,
  [`${program} key create --name shop --scope images:read --scope images:write`],
)
  .requiredOption("--name <text>", "What the key is for")
  .requiredOption("--scope <scope>", `What the key may do: ${scopes.join(", ")} (repeatable)`, collectScope)
  .option("--owner <owner>", "The owner it acts for (default: default)", parseOwner)
  .addOption(jsonOption())
  .action(async ({ name, scope, owner, json }) => {
    if (owner !== undefined && scope.includes("service")) {
      throw new UsageError("A key with the scope `service` acts for any owner: leave out --owner.");
    }
    await requireStage();
    const made = await ApiKey.create({ name, scopes: scope, owner });
    const head = `${green("✓")} ${bold(printable(name))}  ${made.id}  ${made.scopes.join(", ")}`;
    print(json, `${head}\n\n  ${made.key}\n\n${dim("  Store it now: it cannot be shown again.")}`, made);
  });

const list = command("list", "List API keys, newest first")
  .addOption(jsonOption())
  .action(async ({ json }) => {
    await requireStage();
    const keys = (await ApiKey.list()).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    for (const key of keys) {
      const state = key.revokedAt ? red(fit("revoked", 9)) : green(fit("active", 9));
      const owner = key.owner ? `owner ${key.owner}` : yellow("any owner");
      const row = [state, key.id, "", dim(key.createdAt), "", bold(printable(key.name)), ""];
      print(json, `${row.join(" ")} ${key.scopes.join(", ")}  ${owner}`, key);
    }
    if (keys.length === 0) process.stderr.write("No keys.\n");
  });

const revoke = command(
  "revoke",
  `Revoke an API key

It keeps working for up to 30 seconds, while running functions have it cached.`,
  [`${program} key revoke 0a1b2c3d4e5f6071`],
)
  .argument("<id>", "The key's id, from `key list`")
  .addOption(yesOption())
  .addOption(jsonOption())
  .action(async (id, { yes, json }) => {
    const stage = await requireStage();
    if (!(await confirmStage(`Revoke the key ${printable(id)}?`, stage, yes))) {
      process.stderr.write("Nothing was revoked.\n");
      process.exitCode = 1;
      return;
    }
    if (await ApiKey.revoke(id)) {
      print(json, `${green("✓")} ${id} revoked`, { id, revoked: true });
      return;
    }
    process.stderr.write(`${red("✗")} There is no key ${printable(id)}.\n`);
    process.exitCode = 1;
  });

export const key = command("key", "Create, list and revoke API keys")
  .helpCommand(false)
  .addCommand(create)
  .addCommand(list)
  .addCommand(revoke);

function collectScope(value: string, previous: Scope[] = []): Scope[] {
  const scope = scopes.find((known) => known === value);
  if (!scope) throw new InvalidArgumentError(`Scopes are ${scopes.join(", ")}.`);
  return [...previous, scope];
}

function parseOwner(value: string): string {
  if (/^[a-z0-9]{1,26}$/.test(value)) return value;
  throw new InvalidArgumentError("An owner is 1 to 26 lower-case letters and digits.");
}
