/** The processing queue and where its dead letters go. */
import { pipeline } from "./stage.ts";

// Links carry addresses and no rights: SST's own would grant `sqs:*`.
sst.Linkable.wrap(sst.aws.Queue, (queue) => ({ properties: { url: queue.url } }));

const day = 86_400;

/**
 * AWS asks for six times the function's timeout, so that a message throttled on its way is not handed out twice:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const visibilitySeconds = 6 * pipeline.processorTimeoutSeconds;

/** A dead letter keeps the age it had, so this queue must keep longer than the other. */
export const deadLetters = new sst.aws.Queue("DeadLetters", {
  visibilityTimeout: "3 minutes",
  transform: { queue: { messageRetentionSeconds: 14 * day } },
});

export const processing = new sst.aws.Queue("Processing", {
  visibilityTimeout: `${visibilitySeconds} seconds`,
  dlq: { queue: deadLetters.arn, retry: 6 },
  transform: { queue: { messageRetentionSeconds: 4 * day } },
});

/** No other queue may put its dead letters here. */
new aws.sqs.RedriveAllowPolicy("DeadLettersSource", {
  queueUrl: deadLetters.url,
  redriveAllowPolicy: $jsonStringify({ redrivePermission: "byQueue", sourceQueueArns: [processing.arn] }),
});

/** What Lambda needs to take messages from a queue on a function's behalf, and no more. */
export const consume = (queue: sst.aws.Queue) => ({
  actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
  resources: [queue.arn],
});
