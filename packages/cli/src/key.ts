/** `key`: API keys for servers. */
import { defineCommand, UsageError } from "./command.ts";
import { permit } from "./permit.ts";
import { enterStage } from "./stage.ts";
import { bold, dim, fit, green, printable, red, yellow } from "./terminal.ts";

export const key = defineCommand({
  usage: "key create|list|revoke",
  summary: "Make, list and revoke API keys",
  about:
    "A key is shown once, when it is made: only its hash is kept. Without the\n" +
    "scope `service` it acts for one owner alone. A revoked key works for half a\n" +
    "minute longer.",
  options: {
    name: { type: "string", value: "text", about: "What it is for (create)" },
    scope: {
      type: "string",
      multiple: true,
      value: "scope",
      about: "images:read, images:write or service; may be repeated",
    },
    owner: { type: "string", value: "owner", about: "For whom it acts (default)" },
    yes: { type: "boolean", short: "y", about: "Do not ask (revoke)" },
    json: { type: "boolean", about: "JSON lines on standard output" },
  },
  examples: [
    "npm run image -- key create --name shop --scope images:read --scope images:write",
    "npm run image -- key list",
    "npm run image -- key revoke 0a1b2c3d4e5f6071",
  ],
  async run({ values, positionals: [action, id, ...more] }) {
    if (more.length > 0) throw new UsageError(`"${more[0]}" is too much.`);
    const print = (words: string, data: object) =>
      void process.stdout.write(`${values.json ? JSON.stringify(data) : words}\n`);
    switch (action) {
      case "create":
        return create(values, print);
      case "list":
        return list(print);
      case "revoke":
        return revoke(id, values.yes, print);
      default:
        throw new UsageError("create, list or revoke?");
    }
  },
});

type Print = (words: string, data: object) => void;
type Wanted = { name?: string; scope?: string[]; owner?: string };

async function create({ name, scope = [], owner }: Wanted, print: Print): Promise<number> {
  const { scopes: known } = await import("@image-pipeline/core/scope");
  const scopes = known.filter((one) => scope.includes(one));
  const unknown = scope.find((one) => !known.some((known) => known === one));
  if (!name) throw new UsageError("--name says what the key is for.");
  if (unknown !== undefined) throw new UsageError(`There is no scope "${unknown}": ${known.join(", ")}.`);
  if (scopes.length === 0) throw new UsageError(`--scope says what it may do: ${known.join(", ")}.`);
  if (owner !== undefined && !/^[a-z0-9]{1,26}$/.test(owner)) {
    throw new UsageError("An owner is 1 to 26 lower-case letters and digits.");
  }
  if (owner !== undefined && scopes.includes("service")) {
    throw new UsageError("A key with the scope `service` acts for any owner: leave --owner out.");
  }
  await enterStage();
  const { Key } = await import("@image-pipeline/core/api-key");
  const made = await Key.create({ name, scopes, owner });
  print(
    `${green("✓")} ${bold(printable(name))}  ${made.id}  ${scopes.join(", ")}\n\n  ${made.key}\n\n${dim("  Keep it now: it is shown this once.")}`,
    made,
  );
  return 0;
}

async function list(print: Print): Promise<number> {
  await enterStage();
  const { Key } = await import("@image-pipeline/core/api-key");
  const keys = (await Key.list()).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  for (const key of keys) {
    const state = key.revokedAt ? red(fit("revoked", 9)) : green(fit("in use", 9));
    const who = key.owner ? `owner ${key.owner}` : yellow("any owner");
    print(
      `${state} ${key.id}  ${dim(key.createdAt)}  ${bold(printable(key.name))}  ${key.scopes.join(", ")}  ${who}`,
      key,
    );
  }
  if (keys.length === 0) process.stderr.write("No keys.\n");
  return 0;
}

async function revoke(id: string | undefined, yes: boolean | undefined, print: Print): Promise<number> {
  if (id === undefined) throw new UsageError("Which key? `key list` shows their ids.");
  const stage = await enterStage();
  if (!(await permit(`Revoke the key ${printable(id)}?`, stage, yes))) {
    process.stderr.write("Nothing was revoked.\n");
    return 1;
  }
  const { Key } = await import("@image-pipeline/core/api-key");
  if (await Key.revoke(id)) {
    print(`${green("✓")} ${id} revoked`, { id, revoked: true });
    return 0;
  }
  process.stderr.write(`${red("✗")} There is no key ${printable(id)}.\n`);
  return 1;
}
