/**
 * Every setting of the product: its name, default, bounds and meaning, in one table. The name of the environment
 * variable is the key in upper case: `bytesMax` is `BYTES_MAX`. `.env.example` is generated from the table.
 */
export * as Settings from "./settings.ts";

import * as v from "valibot";
import { VisibleError } from "./error.ts";

const formats = ["jpeg", "png", "webp", "avif", "gif", "heic", "tiff"];
const pixelsMost = 268_000_000;
const pixels = (fallback: number, about: string) => whole(fallback, 1, pixelsMost, about);

/** Limits and identity. The functions read these as `Resource.Settings`. */
const pipeline = {
  bytesMax: whole(26_214_400, 1, 5_000_000_000, "Largest upload, in bytes (25 MiB)."),
  pixelsMax: pixels(50_000_000, "Most pixels in one image: width × height."),
  sideMax: whole(
    16_384,
    1,
    65_535,
    "Longest side in pixels. A valid 130 KB PNG of 2,097,152 × 16 px takes 3 GB to decode, so a limit on pixels alone is not enough.",
  ),
  progressivePixelsMax: pixels(
    50_000_000,
    "Most pixels in a progressive JPEG, interlaced PNG or lossless WebP, which decoders hold whole: up to 10 bytes a pixel.",
  ),
  avifPixelsMax: pixels(
    36_000_000,
    "Most pixels in an AVIF. Its decoder takes up to 25 bytes a pixel, and nothing over 36 million.",
  ),
  heicPixelsMax: pixels(
    50_000_000,
    "Most pixels in a HEIC: the 48 megapixels of phones. Its decoder takes up to 26 bytes a pixel.",
  ),
  framesMax: whole(
    300,
    1,
    1_000,
    "Most frames in an animated image, if the recipe has an animated variant; otherwise only the first frame is used. 1: only the first frame everywhere.",
  ),
  animatedPixelsMax: pixels(
    50_000_000,
    "Most pixels in all frames of an animated image together, if the recipe has an animated variant.",
  ),
  scansMax: whole(
    100,
    1,
    10_000,
    "Most scans in a progressive JPEG. Encoders write about ten, and a decoder goes over the whole image for each.",
  ),
  exifBytesMax: whole(
    4_194_304,
    65_536,
    100_000_000,
    "Most bytes that the entries of an image's EXIF data may declare together (4 MiB). A JPEG holds 64 KB.",
  ),
  qualityCheckOneIn: whole(
    200,
    0,
    1_000_000,
    "Check the predicted qualities of one image in this many: decode its files after encoding, and record the worst MS-SSIM. 0: none.",
  ),
  decodeSecondsMax: whole(20, 1, 300, "Longest time for decoding and encoding one image, in seconds."),
  formats: list(
    "jpeg,png,webp,avif,gif,heic",
    (format) => formats.includes(format),
    "Accepted formats; `tiff` can be added. Remove one to block its decoder without a release.",
    `may only contain ${formats.join(", ")}.`,
  ),
  location: flag(false, "Record the GPS position of photos from their EXIF data."),
  privateByDefault: flag(
    false,
    "Make images private that are created without `visibility`, and those that an S3 client puts into the bucket. The URLs of private files are signed and expire.",
  ),
  privateUrlSeconds: whole(
    7_200,
    120,
    604_800,
    "Longest life of a signed URL of a private image, in seconds; the shortest is half of it. A URL stays the same for that half.",
  ),
  processorTimeoutSeconds: whole(
    60,
    10,
    900,
    "Timeout of the processor. The lease is 15 s longer, the queue's visibility timeout six times as long.",
  ),
  uploadSecondsMax: whole(900, 60, 604_800, "Life of an upload URL, in seconds."),
  anonymous: flag(
    false,
    "Allow callers without credentials to use the API, as the owner `default`. `npm start` turns it on for itself.",
  ),
  jwtIssuer: text("", "Issuer of end users' tokens: their `iss`, exactly. Empty: tokens are not accepted."),
  jwtAudience: text(
    "",
    "Audience that tokens must have: their `aud`, or in tokens without `aud` their `client_id` or `azp`. docs/deploying.md has the values of each identity provider.",
  ),
  jwtJwksUrl: text("", "URL of the issuer's public keys, such as https://…/jwks.json."),
  pendingMax: whole(
    100,
    0,
    1_000,
    "Most pending images of one owner whose bytes have not arrived. 0: no limit, the default of `npm start`.",
  ),
  uploadsPerDayMax: whole(
    1_000,
    0,
    1_000_000_000,
    "Most uploads of one owner in a day (UTC). 0: no limit, the default of `npm start`.",
  ),
  bytesPerDayMax: whole(
    26_214_400_000,
    0,
    1_000_000_000_000_000,
    "Most bytes that one owner may upload in a day (UTC). 0: no limit, the default of `npm start`.",
  ),
  reprocessesPerDayMax: whole(
    1_000,
    0,
    1_000_000_000,
    "Most reprocesses that a user, or a key with an owner, may request in a day (UTC). 0: no limit.",
  ),
  changesPerDayMax: whole(
    10_000,
    0,
    1_000_000_000,
    "Most changes that a user, or a key with an owner, may make in a day (UTC): updates and restores of images, and requests that create, change or test webhooks. 0: no limit.",
  ),
  trashDays: whole(
    7,
    0,
    365,
    "Days for which a deleted image stays in the trash, from which it can be restored. 0: deleted at once.",
  ),
  processedPerOwnerMax: whole(
    0,
    0,
    1_000_000_000,
    "Runs of the processor for the images of one user, or key with an owner, in a day (UTC), after which that owner's images wait until the next day. 0: a quarter of PROCESSED_PER_DAY_MAX in a deployed stage, no limit with `npm start`.",
  ),
  rendersPerDayMax: whole(
    50_000,
    0,
    1_000_000_000,
    "Lazy files that are made in a day (UTC), if the recipe has any, after which requests for others get 503 until the next day; a quarter of them for the images of one user, or key with an owner. 0: no limit.",
  ),
  webhooksMax: whole(
    10,
    0,
    100,
    "Most webhooks of one owner. Those for the images of all owners have the same limit. 0: none can be created.",
  ),
  egressLoopback: flag(
    false,
    "For development with `npm start`: imports and webhooks may use URLs of this machine. A deployed stage ignores it.",
  ),
  waitingMax: whole(
    100,
    0,
    10_000,
    "Most requests with `wait` that one process of the API holds at once; above it they are answered at once. A function of a deployed stage holds one. 0: no limit.",
  ),
  waitingPerOwnerMax: whole(
    10,
    0,
    1_000,
    "Most requests with `wait` of one owner that wait at once, in all processes; above it they are answered at once. 0: no limit.",
  ),
  corsOrigins: list(
    "",
    isOrigin,
    "Origins of web apps that call the API and upload, separated by commas. Never `*`. `npm start` allows pages of this machine (localhost, any port) as well.",
    "must be origins such as https://app.example.com, each in full: without a path, and without `*`.",
  ),
} as const;

/** Configuration of a deployed stage; read by `infra/` only. */
const cloud = {
  domain: text("", "Custom domain of the stage, such as images.example.com. Its zone must be in Route 53."),
  originSecretRotation: whole(
    1,
    1,
    1_000_000,
    "Number of the secret that CloudFront sends to the API. Add one to rotate it; add one again to revoke the old one.",
  ),
  mediaKeyRotation: whole(
    1,
    1,
    1_000_000,
    "Number of the key that signs URLs of private images. Add one to rotate it: the old key stays valid. Add one again to revoke it.",
  ),
  alarmEmail: text("", "E-mail address for alarms."),
  processorMemoryMB: whole(2_048, 512, 10_240, "Memory of the processor, in MB; CPU grows with it."),
  processorConcurrencyMax: whole(50, 2, 1_000, "Most images processed at once."),
  processorConcurrencyReserved: flag(
    false,
    "Reserve that concurrency for the processor, so that requests cannot use it up. AWS keeps 100 concurrent executions of an account unreserved, so the account's limit must be at least 100 higher; a new account has 10.",
  ),
  apiConcurrencyReserved: whole(
    0,
    0,
    100_000,
    "Concurrent executions reserved for the API, so that other functions of the account cannot use them up. It is the API's maximum as well. AWS refuses a reservation that leaves less than 100 of the account's unreserved; a new account has ten in all. 0: none.",
  ),
  processedPerDayMax: whole(
    50_000,
    0,
    1_000_000_000,
    "Runs of the processor in a day (UTC), retries included, after which work waits in the queue until the next day. 0: no limit.",
  ),
  invalidatedImagesMax: whole(
    7,
    0,
    7,
    "Deleted images that are invalidated one by one at the CDN every 5 minutes; more are invalidated together with all images. Two paths each, $0.005 a path above 1,000 a month. 0: none; a deleted image may then be cached for a week.",
  ),
  firewallRequestsMax: whole(
    0,
    0,
    2_000_000_000,
    "Most requests of one IP address in 5 minutes, in an AWS WAF with AWS's managed rules: about $9 a month and $0.60 per million requests. 0: no firewall.",
  ),
  budgetDollars: whole(
    50,
    0,
    1_000_000,
    "Monthly budget of the whole AWS account, in US dollars, for alerts to ALARM_EMAIL. 0: no budget.",
  ),
} as const;

/** Addresses, ports and data of the embedded mode (`npm start`); read by `packages/local` only. */
const local = {
  port: whole(3_000, 0, 65_535, "Front door: the API and the files."),
  host: text(
    "",
    "Address on which the front door listens besides 127.0.0.1, for phones: this machine's in the network, or 0.0.0.0. Everyone in the network can then read, upload and delete images.",
  ),
  publicUrl: origin(
    "",
    "URL under which clients reach the front door, if it is not http://HOST:PORT, such as https://example.ngrok.app. Upload and file URLs begin with it.",
  ),
  s3Port: whole(3_001, 0, 65_535, "S3 endpoint."),
  dynamodbPort: whole(3_002, 0, 65_535, "DynamoDB endpoint."),
  dataDir: text(".data", "Folder of all data, relative to the repository."),
} as const;

type Field<T> = { fallback: string; about: string; schema: v.GenericSchema<string, T> };
type Values<G> = { [K in keyof G]: G[K] extends Field<infer T> ? T : never };

export type Pipeline = Values<typeof pipeline>;
export type Cloud = Values<typeof cloud>;
export type Local = Values<typeof local>;

type Environment = Record<string, string | undefined>;

/**
 * Reads the pipeline's settings; an empty value means the default. Throws `invalid_request` with every invalid setting.
 */
export function readPipeline(env: Environment): Pipeline {
  const settings = read(pipeline, env);
  const { jwtIssuer, jwtAudience, jwtJwksUrl } = settings;
  const given = [jwtIssuer, jwtAudience, jwtJwksUrl].filter(Boolean).length;
  if (given !== 0 && given !== 3) {
    throw new VisibleError(
      "invalid_request",
      "Incomplete JWT settings: set all of JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL, or none.",
    );
  }
  if (jwtJwksUrl && !URL.canParse(jwtJwksUrl)) {
    throw new VisibleError("invalid_request", `JWT_JWKS_URL=${jwtJwksUrl}: must be a URL.`);
  }
  return settings;
}

/** Reads the settings of a deployed stage. Throws like `readPipeline`. */
export const readCloud = (env: Environment): Cloud => read(cloud, env);

/** Reads the settings of the embedded mode. Throws like `readPipeline`. */
export const readLocal = (env: Environment): Local => read(local, env);

/** The pipeline's settings at their defaults, for tests and benchmarks. */
export const pipelineDefaults = readPipeline({});

/** Returns the text of `.env.example`. */
export function example(): string {
  const section = (title: string, group: Record<string, Field<unknown>>) =>
    [
      `# ${title}`,
      "",
      ...Object.entries(group).flatMap(([name, { about, fallback }]) => [
        `# ${about}`,
        `#${variableOf(name)}=${fallback}`,
        "",
      ]),
    ].join("\n");
  return [
    "# Every setting and its default. Copy to .env and uncomment what you change; `sst dev`, `sst deploy` and `npm start` read it.",
    "",
    section("The pipeline", pipeline),
    section("A deployed stage", cloud),
    section("On one machine (npm start)", local),
  ].join("\n");
}

function read<G extends Record<string, Field<unknown>>>(group: G, env: Environment): Values<G> {
  const faults: string[] = [];
  const entries = Object.entries(group).map(([name, field]) => {
    const variable = variableOf(name);
    const given = env[variable]?.trim();
    const result = v.safeParse(field.schema, given || field.fallback);
    if (!result.success) faults.push(`${variable}=${given}: ${result.issues[0].message}`);
    return [name, result.output];
  });
  if (faults.length > 0)
    throw new VisibleError("invalid_request", `Invalid settings:\n  ${faults.join("\n  ")}`);
  return Object.fromEntries(entries) as Values<G>;
}

/** Returns the environment variable of a setting: `s3Port` is `S3_PORT`. */
function variableOf(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
}

function whole(fallback: number, min: number, max: number, about: string): Field<number> {
  const message = `must be a whole number from ${min} to ${max}.`;
  const digits = v.pipe(v.string(), v.regex(/^\d+$/, message), v.transform(Number));
  const schema = v.pipe(digits, v.minValue(min, message), v.maxValue(max, message));
  return { fallback: String(fallback), about, schema };
}

function flag(fallback: boolean, about: string): Field<boolean> {
  const word = v.pipe(v.string(), v.regex(/^(true|false)$/, "must be true or false."));
  const schema = v.pipe(
    word,
    v.transform((value) => value === "true"),
  );
  return { fallback: String(fallback), about, schema };
}

function text(fallback: string, about: string): Field<string> {
  return { fallback, about, schema: v.string() };
}

function origin(fallback: string, about: string): Field<string> {
  const message = "must be a URL such as https://example.ngrok.app, without a path.";
  const schema = v.pipe(
    v.string(),
    v.transform((value) => value.replace(/\/$/, "")),
    v.check((value) => value === "" || (/^https?:/.test(value) && isOrigin(value)), message),
  );
  return { fallback, about, schema };
}

function list(
  fallback: string,
  allowed: (part: string) => boolean,
  about: string,
  message: string,
): Field<string[]> {
  const partsOf = (value: string) => value.split(",").flatMap((part) => part.trim() || []);
  const schema = v.pipe(
    v.string(),
    v.transform(partsOf),
    v.check((parts) => parts.every(allowed), message),
  );
  return { fallback, about, schema };
}

/** Returns whether a text is an origin as browsers send it. Never `*`, which S3 takes as a wildcard for every page. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host } = new URL(text);
  return host !== "" && `${protocol}//${host}` === text && !text.includes("*");
}
