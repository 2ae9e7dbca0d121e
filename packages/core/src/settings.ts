/** Every setting of the product: its name, default, bounds and meaning, in one table. `.env.example` is made from it. */
export * as Settings from "./settings.ts";

import * as v from "valibot";
import { VisibleError } from "./error.ts";

const formats = ["jpeg", "png", "webp", "avif", "gif", "heic", "tiff"];

/** What an image may be, and what is done to it. The running functions get these as `Resource.Settings`. */
const pipeline = {
  bytesMax: whole("BYTES_MAX", "26214400", 1, 5_000_000_000, "Largest upload, in bytes (25 MiB)."),
  pixelsMax: whole("PIXELS_MAX", "50000000", 1, 268_000_000, "Most pixels in one image: width × height."),
  sideMax: whole(
    "SIDE_MAX",
    "16384",
    1,
    65_535,
    "Longest side in pixels. A valid 130 KB PNG of 2,097,152 × 16 px takes 3 GB to decode, so a limit on pixels alone is not enough.",
  ),
  progressivePixelsMax: whole(
    "PROGRESSIVE_PIXELS_MAX",
    "50000000",
    1,
    268_000_000,
    "Most pixels in a progressive JPEG, interlaced PNG or lossless WebP, which decoders hold whole: up to 10 bytes a pixel.",
  ),
  heifPixelsMax: whole(
    "HEIF_PIXELS_MAX",
    "36000000",
    1,
    268_000_000,
    "Most pixels in an AVIF or HEIC. Their decoders take up to 25 bytes a pixel.",
  ),
  framesMax: whole(
    "FRAMES_MAX",
    "300",
    1,
    1_000,
    "Most frames in an animated image, where the recipe makes an animated variant; elsewhere the first frame of any is taken. 1 takes the first everywhere.",
  ),
  animatedPixelsMax: whole(
    "ANIMATED_PIXELS_MAX",
    "50000000",
    1,
    268_000_000,
    "Most pixels in all frames of an animated image together, where the recipe makes an animated variant.",
  ),
  scansMax: whole(
    "SCANS_MAX",
    "100",
    1,
    10_000,
    "Most scans in a progressive JPEG. Encoders write about ten, and a decoder goes over the whole image for each.",
  ),
  exifBytesMax: whole(
    "EXIF_BYTES_MAX",
    "4194304",
    65_536,
    100_000_000,
    "Most bytes that the entries of an image's EXIF data may declare together (4 MiB). A JPEG holds 64 KB.",
  ),
  decodeSecondsMax: whole(
    "DECODE_SECONDS_MAX",
    "20",
    1,
    300,
    "Longest time that decoding and encoding one image may take.",
  ),
  formats: list(
    "FORMATS",
    "jpeg,png,webp,avif,gif,heic",
    (format) => formats.includes(format),
    "Formats accepted; `tiff` can be added. Take one out to shut off a decoder without a release.",
    `may only name ${formats.join(", ")}.`,
  ),
  location: flag("LOCATION", "false", "Whether to record where a photo was taken, from its EXIF data."),
  processorTimeoutSeconds: whole(
    "PROCESSOR_TIMEOUT_SECONDS",
    "60",
    10,
    900,
    "Longest run of the processor. The lease is 15 s longer, the queue's visibility timeout six times as long.",
  ),
  uploadSecondsMax: whole("UPLOAD_SECONDS_MAX", "900", 60, 604_800, "How long an upload URL stays valid."),
  anonymous: flag(
    "ANONYMOUS",
    "false",
    "Whether callers without credentials may use the API, as the owner `default`. `npm start` turns it on for itself.",
  ),
  jwtIssuer: text(
    "JWT_ISSUER",
    "",
    "Whose tokens end users come with: the `iss` of the tokens, exactly. Empty: no tokens are accepted.",
  ),
  jwtAudience: text("JWT_AUDIENCE", "", "The `aud` that a token must have been made for."),
  jwtJwksUrl: text("JWT_JWKS_URL", "", "Where the issuer publishes its keys, such as https://…/jwks.json."),
  pendingMax: whole(
    "PENDING_MAX",
    "100",
    0,
    1_000,
    "Most announced images of one owner whose bytes have not come yet. 0: no limit.",
  ),
  uploadsPerDayMax: whole(
    "UPLOADS_PER_DAY_MAX",
    "1000",
    0,
    1_000_000_000,
    "Most uploads that one owner may announce in a day (UTC). 0: no limit.",
  ),
  bytesPerDayMax: whole(
    "BYTES_PER_DAY_MAX",
    "26214400000",
    0,
    1_000_000_000_000_000,
    "Most bytes that one owner may announce in a day (UTC). 0: no limit.",
  ),
  corsOrigins: list(
    "CORS_ORIGINS",
    "",
    isOrigin,
    "Origins of web apps that call the API and upload, separated by commas. Never `*`.",
    "must be origins such as https://app.example.com, each in full: without a path, and without `*`.",
  ),
} as const;

/** How a deployed stage is set up; read by `infra/` alone. */
const cloud = {
  domain: text(
    "DOMAIN",
    "",
    "Custom domain of the stage, such as images.example.com. Its zone must be in Route 53.",
  ),
  alarmEmail: text("ALARM_EMAIL", "", "Where alarms are sent."),
  processorMemoryMB: whole(
    "PROCESSOR_MEMORY_MB",
    "2048",
    512,
    10_240,
    "Memory of the processor, in MB; CPU grows with it.",
  ),
  processorConcurrencyMax: whole(
    "PROCESSOR_CONCURRENCY_MAX",
    "50",
    2,
    1_000,
    "Most images processed at once.",
  ),
  processedPerDayMax: whole(
    "PROCESSED_PER_DAY_MAX",
    "50000",
    0,
    1_000_000_000,
    "Runs of the processor in a day (UTC), retries included, after which work waits in the queue until the next day. 0: no limit.",
  ),
  budgetDollars: whole(
    "BUDGET_DOLLARS",
    "50",
    0,
    1_000_000,
    "Monthly cost of the whole AWS account, in US dollars, about which ALARM_EMAIL is told. 0: no budget.",
  ),
} as const;

/** Where the embedded mode (`npm start`) listens and keeps its data; read by `packages/local` alone. */
const local = {
  port: whole("PORT", "3000", 0, 65_535, "Front door: the API and the files."),
  s3Port: whole("S3_PORT", "3001", 0, 65_535, "S3 endpoint."),
  dynamodbPort: whole("DYNAMODB_PORT", "3002", 0, 65_535, "DynamoDB endpoint."),
  dataDir: text("DATA_DIR", ".data", "Folder that holds everything, relative to the repository."),
} as const;

type Field<T> = { env: string; fallback: string; about: string; schema: v.GenericSchema<string, T> };
type Values<G> = { [K in keyof G]: G[K] extends Field<infer T> ? T : never };

export type Pipeline = Values<typeof pipeline>;
export type Cloud = Values<typeof cloud>;
export type Local = Values<typeof local>;

type Environment = Record<string, string | undefined>;

/** Throws `invalid_request`, naming every setting that is wrong and why. An empty value means the default. */
export function readPipeline(env: Environment): Pipeline {
  const settings = read(pipeline, env);
  const { jwtIssuer, jwtAudience, jwtJwksUrl } = settings;
  const given = [jwtIssuer, jwtAudience, jwtJwksUrl].filter(Boolean).length;
  if (given !== 0 && given !== 3) {
    throw new VisibleError(
      "invalid_request",
      "JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL belong together: set all three, or none.",
    );
  }
  if (jwtJwksUrl && !URL.canParse(jwtJwksUrl)) {
    throw new VisibleError("invalid_request", `JWT_JWKS_URL=${jwtJwksUrl}: must be an address.`);
  }
  return settings;
}
export const readCloud = (env: Environment): Cloud => read(cloud, env);
export const readLocal = (env: Environment): Local => read(local, env);

/** The limits at their defaults: what tests and benchmarks run with. */
export const pipelineDefaults = readPipeline({});

/** The text of `.env.example`. */
export function example(): string {
  const section = (title: string, group: Record<string, Field<unknown>>) =>
    [
      `# ${title}`,
      "",
      ...Object.values(group).flatMap(({ about, env, fallback }) => [
        `# ${about}`,
        `#${env}=${fallback}`,
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
    const given = env[field.env]?.trim();
    const result = v.safeParse(field.schema, given || field.fallback);
    if (!result.success) faults.push(`${field.env}=${given}: ${result.issues[0].message}`);
    return [name, result.output];
  });
  if (faults.length > 0)
    throw new VisibleError("invalid_request", `Settings that cannot be used:\n  ${faults.join("\n  ")}`);
  return Object.fromEntries(entries) as Values<G>;
}

function whole(env: string, fallback: string, min: number, max: number, about: string): Field<number> {
  const message = `must be a whole number from ${min} to ${max}.`;
  return {
    env,
    fallback,
    about,
    schema: v.pipe(
      v.string(),
      v.regex(/^\d+$/, message),
      v.transform(Number),
      v.minValue(min, message),
      v.maxValue(max, message),
    ),
  };
}

function flag(env: string, fallback: "true" | "false", about: string): Field<boolean> {
  return {
    env,
    fallback,
    about,
    schema: v.pipe(
      v.string(),
      v.regex(/^(true|false)$/, "must be true or false."),
      v.transform((value) => value === "true"),
    ),
  };
}

function text(env: string, fallback: string, about: string): Field<string> {
  return { env, fallback, about, schema: v.string() };
}

function list(
  env: string,
  fallback: string,
  allowed: (part: string) => boolean,
  about: string,
  message: string,
): Field<string[]> {
  return {
    env,
    fallback,
    about,
    schema: v.pipe(
      v.string(),
      v.transform((value) =>
        value
          .split(",")
          .map((part) => part.trim())
          .filter(Boolean),
      ),
      v.check((parts) => parts.every(allowed), message),
    ),
  };
}

/** What a browser sends as `Origin`. A `*` would let every page of the world upload: S3 takes it for a wildcard. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host } = new URL(text);
  return host !== "" && `${protocol}//${host}` === text && !text.includes("*");
}
