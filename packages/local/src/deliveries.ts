/** The queues of deliveries to webhooks. Their sender runs in this process: it waits for receivers, and needs no CPU. */
import { randomUUID } from "node:crypto";
import type { SQSHandler } from "aws-lambda";
import { type Clock, systemClock } from "./clock.ts";
import { contextOf } from "./environment.ts";
import { type Queue, startQueue } from "./queue.ts";

/** As in the cloud (`infra/sender.ts`). */
const timeoutMs = 30_000;
const concurrencies = { deliveries: 100, "slow-deliveries": 20 };

type Options = {
  /** The queue of all deliveries, or that of slow receivers. */
  name: keyof typeof concurrencies;
  region: string;
  handler: SQSHandler;
  clock?: Clock;
};

/** Starts a queue with the sender's handler. */
export function startDeliveries({ name, region, handler, clock = systemClock }: Options): Queue {
  return startQueue({
    region,
    clock,
    name,
    concurrency: concurrencies[name],
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
