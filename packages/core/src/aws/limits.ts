/**
 * Retries and timeouts of the AWS clients. The SDK has no request timeout by default, so that one lost packet would hold
 * a request until Lambda stops the function.
 *
 * - `maxAttempts`: the first attempt and three retries, the SDK's own default for DynamoDB.
 * - `retryMode`: `standard` is jittered exponential backoff from 50 ms (100 ms for S3), from 1 s after throttling, with a
 *   retry quota that stops retries during an outage. `adaptive` also delays first attempts, which suits batch jobs alone.
 * - `connectionTimeout`: TCP and TLS, in milliseconds. Above the usual 1 s, because on a busy development machine the
 *   workers take the CPU.
 * - `requestTimeout`: from the start of the request, its body included, to the response headers.
 * - `socketTimeout`: silence on the socket in either direction, the response body included.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
const shared = { maxAttempts: 4, retryMode: "standard" } as const;

const connectionTimeout = 2_000;

/**
 * Limits of clients with short requests: DynamoDB, SQS, Lambda, CloudWatch. They respond within milliseconds, and four
 * attempts of 5 s end within the API's 30 seconds.
 */
export const limits = {
  ...shared,
  requestHandler: {
    connectionTimeout,
    requestTimeout: 5_000,
    // Without this the SDK only logs a warning.
    throwOnRequestTimeout: true,
    socketTimeout: 5_000,
  },
} as const;

/**
 * Limits of the S3 client. Originals and variants are up to 25 MB, so that only silence ends a request: a slow transfer
 * continues for as long as bytes arrive. S3 may take seconds to delete 1,000 objects, hence 10 s. A body that breaks off
 * after its headers is not retried by the SDK, but by the queue.
 */
export const storageLimits = {
  ...shared,
  requestHandler: { connectionTimeout, socketTimeout: 10_000 },
} as const;
