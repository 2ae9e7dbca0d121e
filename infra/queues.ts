/** The processing queue, the queue of imports and their dead-letter queue, and the queues of webhooks and of deleted variants. */
import { cloud, pipeline } from "./config.ts";

// Links carry URLs and no rights: SST's own would grant `sqs:*`.
sst.Linkable.wrap(sst.aws.Queue, (queue) => ({ properties: { url: queue.url } }));

const day = 86_400;

/**
 * Under `sst dev` a dropped response is retried after one timeout. Elsewhere AWS recommends six times the function's
 * timeout, so that a throttled message is not received twice:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const visibilitySeconds = ($dev ? 1 : 6) * pipeline.processorTimeoutSeconds;

/** A dead letter keeps its enqueue time, so this queue needs the longer retention. */
export const deadLetters = new sst.aws.Queue("DeadLetters", {
  visibilityTimeout: "3 minutes",
  transform: { queue: { messageRetentionSeconds: 14 * day } },
});

export const processing = new sst.aws.Queue("Processing", {
  visibilityTimeout: `${visibilitySeconds} seconds`,
  dlq: { queue: deadLetters.arn, retry: 6 },
  transform: { queue: { messageRetentionSeconds: 4 * day } },
});

/**
 * Attempts at deliveries to webhooks. Without a dead-letter queue: each delivery is a row with the time at which it is due,
 * and the reconciler sends it again. An hour is four times the longest delay of a message.
 */
export const deliveries = new sst.aws.Queue("Deliveries", {
  // Six times the sender's timeout.
  visibilityTimeout: "3 minutes",
  transform: { queue: { messageRetentionSeconds: 3_600 } },
});

/**
 * Attempts at deliveries to receivers that took long for an earlier one, or have accepted none yet: a bulkhead, so that
 * receivers that stall use up their own concurrency and not that of the others.
 */
export const slowDeliveries = new sst.aws.Queue("SlowDeliveries", {
  visibilityTimeout: "3 minutes",
  transform: { queue: { messageRetentionSeconds: 3_600 } },
});

/**
 * Deleted variants, for the invalidator; none where `INVALIDATED_IMAGES_MAX` is 0. AWS asks for six times the function's
 * timeout plus the batching window.
 */
export const removals =
  cloud.invalidatedImagesMax > 0
    ? new sst.aws.Queue("Removals", {
        visibilityTimeout: "8 minutes",
        transform: { queue: { messageRetentionSeconds: 4 * day } },
      })
    : undefined;

/**
 * Imports by URL. Within the four hours a message lives, and the quarter of an hour by which each of three repetitions is
 * delayed, an import ends long before the reconciler takes its message for lost. Six times the importer's timeout.
 */
export const imports = new sst.aws.Queue("Imports", {
  visibilityTimeout: "9 minutes",
  dlq: { queue: deadLetters.arn, retry: 6 },
  transform: { queue: { messageRetentionSeconds: 4 * 3_600 } },
});

// No other queue may use this one as its dead-letter queue.
new aws.sqs.RedriveAllowPolicy("DeadLettersSource", {
  queueUrl: deadLetters.url,
  redriveAllowPolicy: $jsonStringify({
    redrivePermission: "byQueue",
    sourceQueueArns: [processing.arn, imports.arn],
  }),
});

/** The permissions that an event source mapping needs to poll a queue, and no more. */
export const consume = (queue: sst.aws.Queue) => ({
  actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
  resources: [queue.arn],
});
