/** What Lambda and SST put into a function's environment, for this machine. */
import type { Settings } from "@image-pipeline/core/settings";

export type Credentials = { accessKeyId: string; secretAccessKey: string };

/** Where the parts of the cloud are, and the key pair that opens them. */
export type Places = {
  region: string;
  credentials: Credentials;
  s3Url: string;
  dynamodbUrl: string;
  url: string;
  queuePath: string;
  cursorKey: string;
  pipeline: Settings.Pipeline;
};

/** The names of things, as a deployed stage would have made them up. */
export const names = {
  uploads: "uploads",
  processed: "processed",
  table: "images",
  queue: "processing",
} as const;

/** Whatever of the user's own AWS set-up would lead the SDK elsewhere. */
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

/** Makes `env` that of a function. Before anything imports `sst`, which reads it once. */
export function enter(env: NodeJS.ProcessEnv, places: Places): void {
  for (const name of foreign) delete env[name];
  Object.assign(env, variables(places), {
    POWERTOOLS_SERVICE_NAME: "image-pipeline",
    POWERTOOLS_LOG_LEVEL: env.POWERTOOLS_LOG_LEVEL ?? "WARN",
    POWERTOOLS_METRICS_DISABLED: "true",
  });
}

/** Where everything is, as environment variables: what `sst shell` would give for a deployed stage. */
export function variables(places: Places): Record<string, string> {
  const { region, credentials, s3Url, dynamodbUrl, url, queuePath, cursorKey, pipeline } = places;
  const resources = {
    App: { name: "image-pipeline", stage: "local" },
    Uploads: { name: names.uploads, url: `${s3Url}/${names.uploads}` },
    Processed: { name: names.processed },
    Images: { name: names.table },
    Processing: { url: url + queuePath },
    DeadLetters: { url: `${url}${deadLettersOf(queuePath)}` },
    Router: { url },
    CursorKey: { value: cursorKey },
    Settings: pipeline,
  };
  return {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
    // A profile in the user's home may name endpoints and regions of its own.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    ...Object.fromEntries(
      Object.entries(resources).map(([name, value]) => [`SST_RESOURCE_${name}`, JSON.stringify(value)]),
    ),
  };
}

/** The path of the queue that takes what another gives up on. */
export const deadLettersOf = (queuePath: string) => `${queuePath}-dead-letters`;

/** The file in the data folder by which the command line finds a running cloud. */
export const environmentFile = "environment.json";
