/** Limits of SQS: queues and their dead-letter queues. */
import { docs, given, type Limit } from "./limit.ts";

const sqs = `${docs}/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html`;

const queue = /sqs\/queue:/;

export const sqsLimits: Limit[] = [
  {
    what: "name",
    type: queue,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,80}$/,
    source: `${docs}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html`,
  },
  {
    what: "visibility timeout, seconds",
    type: queue,
    measure: ({ visibilityTimeoutSeconds }) => [visibilityTimeoutSeconds],
    most: 43_200,
    source: sqs,
  },
  {
    what: "retention, seconds",
    type: queue,
    measure: ({ messageRetentionSeconds }) => given(messageRetentionSeconds),
    least: 60,
    most: 1_209_600,
    source: sqs,
  },
  {
    what: "receives before the dead-letter queue",
    type: queue,
    measure: ({ redrivePolicy }) => given(redrivePolicy).map((policy) => JSON.parse(policy).maxReceiveCount),
    least: 1,
    most: 1_000,
    source: sqs,
  },
  {
    what: "queues in a redrive allow policy",
    type: /redriveAllowPolicy:/,
    measure: ({ redriveAllowPolicy }) => [JSON.parse(redriveAllowPolicy).sourceQueueArns.length],
    least: 1,
    most: 10,
    source: sqs,
  },
];
