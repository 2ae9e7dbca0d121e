/** The queue of deliveries to webhooks. Its sender runs in this process: it waits for receivers, and needs no CPU. */
import { randomUUID } from "node:crypto";
import type { SQSHandler } from "aws-lambda";
import { type Clock, systemClock } from "./clock.ts";
import { contextOf } from "./environment.ts";
import { type Queue, startQueue } from "./queue.ts";

/** As in the cloud (`infra/sender.ts`). */
const timeoutMs = 30_000;
const concurrency = 100;

/** Starts the queue with the sender's handler. */
export function startDeliveries(options: { region: string; handler: SQSHandler; clock?: Clock }): Queue {
  const { region, handler, clock = systemClock } = options;
  return startQueue({
    region,
    clock,
    name: "deliveries",
    concurrency,
    visibilityTimeoutMs: 6 * timeoutMs,
    retryMs: [2_000, 10_000],
    consume: async (event) => {
      const deadline = Date.now() + timeoutMs;
      const call = { name: "sender", region, requestID: randomUUID(), deadline, memoryMB: 512 };
      return (await handler(event, contextOf(call), () => {})) ?? undefined;
    },
    onFailure: ({ id, receives }, { message }) =>
      console.warn(`Delivery message ${id} failed on receive ${receives}: ${message}`),
  });
}
