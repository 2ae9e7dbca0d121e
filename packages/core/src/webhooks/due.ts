/** Job of the reconciler: sends the deliveries that are due, because their message was lost or their delay is longer than SQS's. */
export * as Due from "./due.ts";

import { Queue } from "../aws/queue.ts";
import { ID } from "../id.ts";
import { DeliveryEntity, type DeliveryRecord } from "../table/delivery-entity.ts";
import { Table } from "../table/table.ts";
import { Outbox } from "./outbox.ts";

/** Deliveries read at once: a BatchGetItem holds so many. */
const pageMax = 100;

/** The result of a run: the deliveries found and sent. */
export type Report = { looked: number; sent: number; done: boolean };

/** Sends every delivery that is due, until the deadline in milliseconds since 1970. */
export async function send(deadline = Number.POSITIVE_INFINITY): Promise<Report> {
  const report: Report = { looked: 0, sent: 0, done: true };
  const now = Date.now();
  for (const lane of ID.shards) {
    let cursor: string | null = null;
    do {
      const page: { data: DeliveryRecord[]; cursor: string | null } = await DeliveryEntity.query
        .due({ lane })
        .lt({ dueOrder: new Date(now).toISOString() })
        .go({ hydrate: true, limit: pageMax, pages: 1, cursor });
      report.looked += page.data.length;
      const due = page.data.filter(({ dueAt }) => dueAt !== undefined && Date.parse(dueAt) <= now);
      const taken = (await Promise.all(due.map(take))).filter((row) => row !== undefined);
      await Queue.deliver(
        taken.map(({ webhookID, deliveryID, tries }) => ({ webhookID, deliveryID, tries })),
      );
      report.sent += taken.length;
      cursor = page.cursor;
      if (cursor && Date.now() > deadline) return { ...report, done: false };
    } while (cursor);
  }
  return report;
}

/** Makes a delivery due later, so that the next run does not send it again. Undefined if it was attempted meanwhile. */
async function take(row: DeliveryRecord): Promise<DeliveryRecord | undefined> {
  try {
    await DeliveryEntity.put({ ...row, dueAt: new Date(Date.now() + Outbox.resendMs).toISOString() })
      .where(({ tries, dueAt }, { eq }) => `${eq(tries, row.tries)} AND ${eq(dueAt, row.dueAt ?? "")}`)
      .go();
    return row;
  } catch (error) {
    if (Table.isConditionFailure(error)) return undefined;
    throw error;
  }
}
