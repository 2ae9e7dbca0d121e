import type { Context } from "aws-lambda";

/** The context of an invocation; `deadline` in milliseconds since 1970. */
export function contextOf(call: {
  name: string;
  region: string;
  requestID: string;
  deadline: number;
  memoryMB: number;
}): Context {
  const { name, region, requestID, deadline, memoryMB } = call;
  const gone = () => {
    throw new Error("Handlers answer with a promise: done, fail and succeed are not offered.");
  };
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: name,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${region}:000000000000:function:${name}`,
    memoryLimitInMB: String(memoryMB),
    awsRequestId: requestID,
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: String(process.pid),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    done: gone,
    fail: gone,
    succeed: gone,
  };
}
