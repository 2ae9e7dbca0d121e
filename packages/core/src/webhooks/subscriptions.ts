/** Enabled endpoints of an owner, cached for each process: a transition reads them at most once in ten seconds. */
export * as Subscriptions from "./subscriptions.ts";

import { WebhookEntity, type WebhookRecord } from "../table/webhook-entity.ts";

/** Scope of the endpoints that receive the events of all owners. No owner has this name. */
export const everyOwner = "-";

/** Life of a cached list: an endpoint receives the events from this long after its creation or change. */
export const cachedMs = 10_000;

/** Most cached lists, so that a process that serves many owners keeps its memory. */
const cachedMax = 1_000;

const cached = new Map<string, { list: WebhookRecord[]; readAt: number }>();

/** Returns the enabled endpoints that receive the events of an owner's images. */
export async function of(owner: string): Promise<WebhookRecord[]> {
  const lists = await Promise.all([listOf(owner), listOf(everyOwner)]);
  return lists.flat().filter(({ enabled }) => enabled);
}

/** Forgets a cached list, or all, in this process. */
export const forget = (scope?: string): void =>
  void (scope === undefined ? cached.clear() : cached.delete(scope));

async function listOf(scope: string): Promise<WebhookRecord[]> {
  const readAt = Date.now();
  const known = cached.get(scope);
  if (known && known.readAt <= readAt && readAt < known.readAt + cachedMs) return known.list;
  const { data } = await WebhookEntity.query.byScope({ scope }).go({ pages: "all" });
  if (cached.size >= cachedMax) cached.clear();
  cached.set(scope, { list: data, readAt });
  return data;
}
