/** What the queue has given up on and nobody has taken from its dead letters yet. */
export * as DeadLetters from "./dead-letters.ts";

import { Resource } from "sst";
import { Queue } from "./queue.ts";

/** How many dead letters there are: about, as SQS puts it. */
export async function count(): Promise<number> {
  const { waiting, taken } = await Queue.depth(Resource.DeadLetters.url);
  return waiting + taken;
}

/** How far a redrive is; `total` as the queue guesses it. */
export type Progress = { moved: number; total: number; done: boolean };

/** Between two looks at a redrive that is under way. */
const pauseMs = 500;

/**
 * Moves every dead letter back to the queue that it came from, and tells how far it is until it is done. Throws what
 * the queue says when it fails; messages that were not moved stay where they are.
 */
export async function* redrive(): AsyncGenerator<Progress> {
  const arn = arnOf(Resource.DeadLetters.url, process.env.AWS_REGION);
  await Queue.call("StartMessageMoveTask", { SourceArn: arn });
  for (;;) {
    const { Results } = (await Queue.call("ListMessageMoveTasks", { SourceArn: arn, MaxResults: 1 })) as {
      Results?: Task[];
    };
    const [task] = Results ?? [];
    if (!task || task.Status === "FAILED") throw new Error(`The dead letters stay: ${task?.FailureReason}`);
    const moved = task.ApproximateNumberOfMessagesMoved ?? 0;
    const done = task.Status !== "RUNNING";
    yield { moved, total: Math.max(moved, task.ApproximateNumberOfMessagesToMove ?? 0), done };
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

type Task = {
  Status: string;
  ApproximateNumberOfMessagesMoved?: number;
  ApproximateNumberOfMessagesToMove?: number;
  FailureReason?: string;
};

/** A queue's ARN, by its address: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME. */
function arnOf(url: string, region = "us-east-1"): string {
  const [, account, name] = new URL(url).pathname.split("/");
  return `arn:aws:sqs:${region}:${account}:${name}`;
}
