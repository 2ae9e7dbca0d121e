/** API keys: how servers say who they are. */
export * as ApiKey from "./api-key.ts";

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { EntityItem } from "electrodb";
import * as v from "valibot";
import { fn } from "./fn.ts";
import { ID } from "./id.ts";
import { type Scope, scopes } from "./scope.ts";
import { KeyEntity } from "./table/key-entity.ts";
import { wholeSeconds } from "./time.ts";

/** What is known of a key: everything but its secret. `owner` is absent where it may act for any owner. */
export type Info = {
  id: string;
  name: string;
  scopes: readonly Scope[];
  owner?: string;
  createdAt: string;
  revokedAt?: string;
};

/** How a key begins: what tells it from a token, and what scanners for leaked secrets look for. */
export const prefix = "imgkey_";

/** How long a key is believed without another look: a revoked one works no longer than this. */
const believedMs = 30_000;

/** More keys than anybody uses at once; a flood of made-up ones must not fill the memory. */
const rememberedMax = 1_000;

/**
 * Makes a key. The whole key is in the answer and nowhere else: only its hash is kept. Without the scope `service` it
 * is bound to one owner.
 */
export const create = fn(
  v.object({
    name: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
    scopes: v.pipe(v.array(v.picklist(scopes)), v.minLength(1)),
    owner: v.optional(ID.owner, ID.ownerDefault),
  }),
  async ({ name, scopes, owner }): Promise<Info & { key: string }> => {
    const keyID = randomBytes(8).toString("hex");
    const secret = randomBytes(32).toString("hex");
    const bound = scopes.includes("service") ? undefined : owner;
    const { data } = await KeyEntity.create({
      keyID,
      name,
      scopes,
      owner: bound,
      secretHash: hash(secret).toString("hex"),
      createdAt: new Date().toISOString(),
    }).go();
    return { ...serialize(data), key: write(keyID, secret) };
  },
);

/** Every key, revoked ones included, in no order. */
export async function list(): Promise<Info[]> {
  const { data } = await KeyEntity.query.byID({}).go({ consistent: true, pages: "all" });
  return data.map(serialize);
}

/** Takes a key out of use, everywhere within half a minute. Says whether there is such a key. */
export const revoke = fn(v.string(), async (keyID): Promise<boolean> => {
  const { data } = await KeyEntity.get({ keyID }).go({ consistent: true });
  if (!data) return false;
  if (!data.revokedAt) await KeyEntity.patch({ keyID }).set({ revokedAt: new Date().toISOString() }).go();
  remembered.delete(keyID);
  return true;
});

/** Whose key this is; undefined for a key that is malformed, unknown, wrong or revoked. */
export async function verify(key: string, now = Date.now()): Promise<Info | undefined> {
  const parts = read(key);
  if (!parts) return undefined;
  const record = await lookUp(parts.keyID, now);
  if (!record || record.revokedAt) return undefined;
  const genuine = timingSafeEqual(hash(parts.secret), Buffer.from(record.secretHash, "hex"));
  return genuine ? serialize(record) : undefined;
}

type KeyRecord = EntityItem<typeof KeyEntity>;

const remembered = new Map<string, { record: KeyRecord | undefined; until: number }>();

async function lookUp(keyID: string, now: number): Promise<KeyRecord | undefined> {
  const known = remembered.get(keyID);
  if (known && known.until > now) return known.record;
  const { data } = await KeyEntity.get({ keyID }).go({ consistent: true });
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(keyID, { record: data ?? undefined, until: now + believedMs });
  return data ?? undefined;
}

/** The checksum lets a mistyped or made-up key be refused without asking the table. */
const write = (keyID: string, secret: string) => `${prefix}${keyID}_${secret}${checksum(keyID + secret)}`;

function read(key: string): { keyID: string; secret: string } | undefined {
  const [, keyID = "", secret = ""] = /^imgkey_([0-9a-f]{16})_([0-9a-f]{64})[0-9a-f]{8}$/.exec(key) ?? [];
  return key === write(keyID, secret) ? { keyID, secret } : undefined;
}

const checksum = (text: string) => crc32(text).toString(16).padStart(8, "0");

/** The secret is 256 random bits: nothing is gained by a slow hash. */
const hash = (secret: string) => createHash("sha256").update(secret).digest();

function serialize({ keyID, name, scopes, owner, createdAt, revokedAt }: KeyRecord): Info {
  return {
    id: keyID,
    name,
    scopes,
    ...(owner ? { owner } : {}),
    createdAt: wholeSeconds(createdAt),
    ...(revokedAt ? { revokedAt: wholeSeconds(revokedAt) } : {}),
  };
}
