/** The settings of `npm start`, and the environment variables and context that Lambda and SST give a function. */
import { existsSync } from "node:fs";
import { Settings } from "@image-pipeline/core/settings";
import type { Context } from "aws-lambda";

/** A startup error that the user can fix; the message says how. */
export class StartError extends Error {
  override readonly name = "StartError";
}

type ResponseMetadata = { httpStatusCode?: number };

/** True if `npm start` started this process. */
export const isStartedByNpm = process.env.npm_lifecycle_event === "start";

/** Returns the message of the innermost cause, which is that of LevelDB, the socket or DNS, or the SDK's with the status. */
export function reasonOf(error: unknown): string {
  // The first address that was tried, if the host has several.
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  // The SDK reports a response that it cannot parse as UnknownError.
  const { httpStatusCode } = "$metadata" in error ? (error.$metadata as ResponseMetadata) : {};
  if (httpStatusCode !== undefined) return `HTTP ${httpStatusCode}, ${error.message.split("\n", 1)}`;
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/** An access key pair, of temporary credentials with their session token. */
export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

/**
 * The settings of `npm start`; `endpoints` are of another S3 or DynamoDB, for which `credentials` are then needed, and
 * `region` where it is not us-east-1.
 */
export type StartSettings = Settings.Local & {
  pipeline: Settings.Pipeline;
  endpoints: { s3?: string; dynamodb?: string };
  credentials?: Credentials;
  region?: string;
};

/** Quotas protect a shared bucket from strangers. On one machine they are off unless they are set. */
const unlimited = { PENDING_MAX: "0", UPLOADS_PER_DAY_MAX: "0", BYTES_PER_DAY_MAX: "0" };

/** Reads the settings from the process and from `.env`. Throws a `VisibleError` that names each invalid setting. */
export function readSettings(): StartSettings {
  if (existsSync(".env")) process.loadEnvFile(".env");
  const { env } = process;
  const { AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL_DYNAMODB: dynamodb } = env;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  const { AWS_SESSION_TOKEN: sessionToken, AWS_REGION, AWS_DEFAULT_REGION } = env;
  const isElsewhere = Boolean(s3 || dynamodb);
  const keys = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  return {
    ...Settings.readLocal(env),
    pipeline: { ...Settings.readPipeline({ ...unlimited, ...env }), anonymous: true },
    endpoints: { s3, dynamodb },
    credentials: isElsewhere && isPair(keys) ? keys : undefined,
    region: (isElsewhere && (AWS_REGION || AWS_DEFAULT_REGION)) || undefined,
  };
}

const isPair = (keys: Partial<Credentials>): keys is Credentials =>
  Boolean(keys.accessKeyId && keys.secretAccessKey);

/** The URLs of the parts of the cloud, and the values that functions are linked to. */
export type Places = {
  region: string;
  credentials: Credentials;
  s3Url: string;
  dynamodbUrl: string;
  url: string;
  /** The origin of URLs for callers, and the uploads bucket's URL for them, where they differ from `url` and `s3Url`. */
  publicUrl?: string;
  uploadsUrl?: string;
  queuePath: string;
  cursorKey: string;
  /** The key that signs URLs of private images. */
  mediaKey: { id: string; privateKey: string };
  pipeline: Settings.Pipeline;
};

/** The names of buckets, table and queue, which SST generates on a deployed stage. */
export const names = {
  uploads: "uploads",
  processed: "processed",
  table: "images",
  queue: "processing",
} as const;

/** Variables of the user's AWS configuration that would lead the SDK to another endpoint or account. */
const foreign = [
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_SESSION_TOKEN",
  "AWS_DEFAULT_REGION",
  "AWS_ENDPOINT_URL",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_USE_FIPS_ENDPOINT",
  "AWS_USE_DUALSTACK_ENDPOINT",
];

/** Sets the variables of a function in `env`. Call it before anything imports `sst`, which reads them once. */
export function enter(env: NodeJS.ProcessEnv, places: Places): void {
  for (const name of foreign) delete env[name];
  Object.assign(env, variables(places), {
    POWERTOOLS_LOG_LEVEL: env.POWERTOOLS_LOG_LEVEL ?? "WARN",
    POWERTOOLS_METRICS_DISABLED: "true",
  });
}

/** Sets the variables of a function in this process, and returns a copy of its environment for child processes. */
export function enterProcess(places: Places): NodeJS.ProcessEnv {
  enter(process.env, places);
  return { ...process.env };
}

/** Returns the URLs and links as environment variables, as `sst shell` does for a deployed stage. */
export function variables(places: Places): Record<string, string> {
  const { region, credentials, s3Url, dynamodbUrl, url, queuePath, cursorKey, mediaKey, pipeline } = places;
  const uploadsUrl = `${s3Url}/${names.uploads}`;
  const resources = {
    App: { name: "image-pipeline", stage: "local" },
    Uploads: { name: names.uploads, url: uploadsUrl, publicUrl: places.uploadsUrl ?? uploadsUrl },
    Processed: { name: names.processed },
    Images: { name: names.table },
    Processing: { url: url + queuePath },
    Imports: { url: `${url}${importsOf(queuePath)}` },
    Deliveries: { url: `${url}${deliveriesOf(queuePath)}` },
    SlowDeliveries: { url: `${url}${slowDeliveriesOf(queuePath)}` },
    DeadLetters: { url: `${url}${deadLettersOf(queuePath)}` },
    Router: { url: places.publicUrl ?? url },
    CursorKey: { value: cursorKey },
    MediaKey: mediaKey,
    Settings: pipeline,
  };
  return {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    // Empty, so that the token of another account in the user's shell is not sent with these keys.
    AWS_SESSION_TOKEN: credentials.sessionToken ?? "",
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
    // A profile in the user's home may set another endpoint or region.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    ...Object.fromEntries(
      Object.entries(resources).map(([name, value]) => [`SST_RESOURCE_${name}`, JSON.stringify(value)]),
    ),
  };
}

/** Returns the path of the dead-letter queue of a queue. */
export const deadLettersOf = (queuePath: string) => `${queuePath}-dead-letters`;

/** Returns the path of the queue of imports, which is next to the processing queue. */
export const importsOf = (queuePath: string) => queuePath.replace(/[^/]+$/, "imports");

/** Returns the path of the queue of deliveries to webhooks, which is next to the processing queue. */
export const deliveriesOf = (queuePath: string) => queuePath.replace(/[^/]+$/, "deliveries");

/** Returns the path of the queue of deliveries to slow receivers. */
export const slowDeliveriesOf = (queuePath: string) => queuePath.replace(/[^/]+$/, "slow-deliveries");

/** The file in the data folder from which the CLI reads the variables of a running cloud. */
export const environmentFile = "environment.json";

/** Returns the context of an invocation; `deadline` is in milliseconds since 1970. */
export function contextOf(call: {
  name: string;
  region: string;
  requestID: string;
  deadline: number;
  memoryMB: number;
}): Context {
  const { name, region, requestID, deadline, memoryMB } = call;
  const gone = () => {
    throw new Error("A handler returns a promise: done, fail and succeed do not exist here.");
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
