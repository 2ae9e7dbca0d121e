/** The queue between the uploads and the processor, the dead letters behind it, and the processes that they run in. */
import type { SQSBatchResponse } from "aws-lambda";
import { names } from "./environment.ts";
import { type Queue, startQueue } from "./queue.ts";
import { startRuntime } from "./runtime.ts";

/** `settled` resolves when no message is left. */
export type Processing = {
  queue: Queue;
  deadLetters: Queue;
  settled(): Promise<void>;
  close(graceMs: number): Promise<void>;
};

/** As in the cloud (`infra/processing.ts`). */
const maxReceiveCount = 6;

/** Starts it all; the processor's workers are started at once, so that the first upload does not wait for them. */
export function startProcessing(options: {
  region: string;
  env: NodeJS.ProcessEnv;
  workers: number;
  timeoutSeconds: number;
  memoryMB: number;
}): Processing {
  const { region, workers, timeoutSeconds } = options;
  const processor = startRuntime({ ...options, name: "processor", module: moduleOf("processor") });
  const undertaker = startRuntime({
    ...options,
    name: "dead-letter",
    module: moduleOf("dead-letter"),
    workers: 1,
  });
  processor.warm();
  const common = {
    region,
    // Longer than a lease, so that what a crash leaves behind is not tried in vain while its lease still runs.
    visibilityTimeoutMs: (timeoutSeconds + 20) * 1000,
    onFailure: ({ id, receives }: { id: string; receives: number }, { message }: Error) =>
      console.warn(`Message ${id}, receive ${receives}: ${message}`),
  };
  const deadLetters = startQueue({
    ...common,
    name: `${names.queue}-dead-letters`,
    concurrency: 1,
    consume: async (event) => (await undertaker.invoke(event)) as SQSBatchResponse,
  });
  const queue = startQueue({
    ...common,
    name: names.queue,
    concurrency: workers,
    consume: async (event) => (await processor.invoke(event)) as SQSBatchResponse,
    // A processor that reports a failure has given its lease back; two early tries leave four for later.
    retryMs: [2_000, 10_000],
    maxReceiveCount,
    deadLetters,
  });
  return {
    queue,
    deadLetters,
    settled: async () => {
      await queue.idle();
      await deadLetters.idle();
    },
    close: async (graceMs) => {
      await Promise.all([
        queue.stop(),
        deadLetters.stop(),
        processor.close(graceMs),
        undertaker.close(graceMs),
      ]);
    },
  };
}

const moduleOf = (name: string) => new URL(import.meta.resolve(`@image-pipeline/functions/${name}`));
