/** API keys, which authenticate servers. */
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

/** An API key without its secret. `owner` is absent if it may act for any owner. */
export type Info = {
  id: string;
  name: string;
  scopes: readonly Scope[];
  owner?: string;
  createdAt: string;
  revokedAt?: string;
};

/** Prefix of every key: distinguishes it from a token, and lets secret scanners find leaked keys. */
export const prefix = "imgkey_";

/** Life of a cached key: a revoked key works no longer than this. */
const cachedMs = 30_000;

/** Most cached keys, so that a flood of made-up keys cannot fill the memory. */
const cachedMax = 1_000;

/**
 * Creates a key. Returns its secret once; only a hash is stored. Without the scope `service` the key is bound to one
 * owner.
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

/** Lists every key, revoked ones included, in no order. */
export async function list(): Promise<Info[]> {
  const { data } = await KeyEntity.query.byID({}).go({ consistent: true, pages: "all" });
  return data.map(serialize);
}

/** Revokes a key, everywhere within 30 seconds. Returns whether the key exists. */
export const revoke = fn(v.string(), async (keyID): Promise<boolean> => {
  const { data } = await KeyEntity.get({ keyID }).go({ consistent: true });
  if (!data) return false;
  if (!data.revokedAt) await KeyEntity.patch({ keyID }).set({ revokedAt: new Date().toISOString() }).go();
  cached.delete(keyID);
  return true;
});

/** Verifies a key; undefined if it is malformed, unknown, wrong or revoked. */
export async function verify(key: string, now = Date.now()): Promise<Info | undefined> {
  const parts = read(key);
  if (!parts) return undefined;
  const record = await lookUp(parts.keyID, now);
  if (!record || record.revokedAt) return undefined;
  const genuine = timingSafeEqual(hash(parts.secret), Buffer.from(record.secretHash, "hex"));
  return genuine ? serialize(record) : undefined;
}

type KeyRecord = EntityItem<typeof KeyEntity>;

const cached = new Map<string, { record: KeyRecord | undefined; until: number }>();

async function lookUp(keyID: string, now: number): Promise<KeyRecord | undefined> {
  const known = cached.get(keyID);
  if (known && known.until > now) return known.record;
  const { data } = await KeyEntity.get({ keyID }).go({ consistent: true });
  if (cached.size >= cachedMax) cached.clear();
  cached.set(keyID, { record: data ?? undefined, until: now + cachedMs });
  return data ?? undefined;
}

/** Writes a key with a checksum, which rejects mistyped and made-up keys without a read of the table. */
const write = (keyID: string, secret: string) => `${prefix}${keyID}_${secret}${checksum(keyID + secret)}`;

function read(key: string): { keyID: string; secret: string } | undefined {
  const [, keyID = "", secret = ""] = /^imgkey_([0-9a-f]{16})_([0-9a-f]{64})[0-9a-f]{8}$/.exec(key) ?? [];
  return key === write(keyID, secret) ? { keyID, secret } : undefined;
}

const checksum = (text: string) => crc32(text).toString(16).padStart(8, "0");

/** Hashes a secret: 256 random bits, for which a slow hash adds nothing. */
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
