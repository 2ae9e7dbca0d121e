/**
 * Retries and timeouts of the AWS clients that make short requests: DynamoDB, SQS, Lambda, CloudWatch. They answer
 * within milliseconds. The SDK has no request timeout by default, so that one lost packet would hold a request until
 * Lambda stops the function.
 *
 * - `maxAttempts`: the first attempt and three retries, the SDK's own default for DynamoDB.
 * - `retryMode`: `standard` is jittered exponential backoff from 50 ms, from 1 s after throttling, with a retry quota
 *   that stops retries during an outage. `adaptive` also delays first attempts, which suits batch jobs alone.
 * - `connectionTimeout`: TCP and TLS, in milliseconds. Above the usual 1 s, because on a busy development machine the
 *   workers take the CPU.
 * - `requestTimeout`: from the request to the response headers. `socketTimeout`: silence on the socket, the body
 *   included. Four attempts of 5 s end within the API's 30 seconds.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
export const limits = {
  maxAttempts: 4,
  retryMode: "standard",
  requestHandler: {
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    // Without this the SDK only logs a warning.
    throwOnRequestTimeout: true,
    socketTimeout: 5_000,
  },
} as const;
