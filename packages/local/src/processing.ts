/** The processing queue, the queue of imports and their dead-letter queue, with the workers that consume them. */
import type { SQSBatchResponse } from "aws-lambda";
import { names } from "./environment.ts";
import { type Queue, startQueue } from "./queue.ts";
import { startRuntime } from "./runtime.ts";

/** The running queues. `settled` resolves when all are empty. */
export type Processing = {
  queue: Queue;
  imports: Queue;
  deadLetters: Queue;
  settled(): Promise<void>;
  close(graceMs: number): Promise<void>;
};

/** As in the cloud (`infra/queues.ts`). */
const maxReceiveCount = 6;

/** Imports at once. They wait for the network. */
const importsMax = 4;

/** Timeout of an import, as in the cloud. */
const importSeconds = 90;

/** Starts queues and workers; the workers of the processor at once, so that the first upload does not wait. */
export function startProcessing(options: {
  region: string;
  env: NodeJS.ProcessEnv;
  workers: number;
  timeoutSeconds: number;
  memoryMB: number;
}): Processing {
  const { region, workers, timeoutSeconds } = options;
  const processor = startRuntime({ ...options, name: "processor", module: moduleOf("processor") });
  const deadLetter = startRuntime({
    ...options,
    name: "dead-letter",
    module: moduleOf("dead-letter"),
    workers: 1,
  });
  const importer = startRuntime({
    ...options,
    name: "importer",
    module: moduleOf("importer"),
    workers: importsMax,
    timeoutSeconds: importSeconds,
  });
  processor.warm();
  const common = {
    region,
    // Longer than a lease, so that a message is not retried while the lease of a crashed worker still runs.
    visibilityTimeoutMs: (timeoutSeconds + 20) * 1000,
    onFailure: ({ id, receives }: { id: string; receives: number }, { message }: Error) =>
      console.warn(`Message ${id} failed on receive ${receives}: ${message}`),
  };
  const deadLetters = startQueue({
    ...common,
    name: `${names.queue}-dead-letters`,
    concurrency: 1,
    consume: async (event) => (await deadLetter.invoke(event)) as SQSBatchResponse,
  });
  const queue = startQueue({
    ...common,
    name: names.queue,
    concurrency: workers,
    consume: async (event) => (await processor.invoke(event)) as SQSBatchResponse,
    // A processor that reports a failure has released its lease. Two early retries leave four for later.
    retryMs: [2_000, 10_000],
    maxReceiveCount,
    deadLetters,
  });
  const imports = startQueue({
    ...common,
    name: "imports",
    concurrency: importsMax,
    visibilityTimeoutMs: importSeconds * 1000,
    consume: async (event) => (await importer.invoke(event)) as SQSBatchResponse,
    retryMs: [2_000, 10_000],
    maxReceiveCount,
    deadLetters,
  });
  return {
    queue,
    imports,
    deadLetters,
    settled: async () => {
      await imports.idle();
      await queue.idle();
      await deadLetters.idle();
    },
    close: async (graceMs) => {
      await Promise.all([
        imports.stop(),
        queue.stop(),
        importer.close(graceMs),
        deadLetters.stop(),
        processor.close(graceMs),
        deadLetter.close(graceMs),
      ]);
    },
  };
}

const moduleOf = (name: string) => new URL(import.meta.resolve(`@image-pipeline/functions/${name}`));
