/** Places of dumps: a folder, or a prefix of a bucket at AWS or another S3. */
import { createWriteStream } from "node:fs";
import { type FileHandle, mkdir, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { fromIni } from "@aws-sdk/credential-provider-ini";
import { Option } from "@commander-js/extra-typings";
import { ObjectStream } from "@image-pipeline/core/aws/object-stream";
import { Storage } from "@image-pipeline/core/aws/storage";
import { Transfer } from "@image-pipeline/core/pipeline/transfer";
import { Resource } from "sst";
import { UsageError } from "./command.ts";
import { ownEnvironment, PlaceError } from "./stage.ts";

/**
 * Files by relative paths with `/`. `read` returns undefined for a file that does not exist, and throws for one of more
 * than `bytesMax` bytes. `open` and `save` are for files of any size; `open` throws a `TransferError` for a file that is
 * missing, has other than `bytes` bytes or is outside of the place. Everything else throws a `PlaceError`.
 */
export type Place = {
  read(path: string, bytesMax: number): Promise<string | undefined>;
  write(path: string, text: string): Promise<void>;
  open(path: string, bytes: number): Promise<ObjectStream.Opened>;
  save(path: string, opened: ObjectStream.Opened): Promise<void>;
};

/** Options of the bucket, as the AWS CLI names them. */
export type BucketOptions = {
  endpointUrl?: string | undefined;
  region?: string | undefined;
  profile?: string | undefined;
};

/** `--endpoint-url`. */
export const endpointOption = () =>
  new Option("--endpoint-url <url>", "S3 endpoint of the bucket (default: AWS_ENDPOINT_URL_S3, or AWS)");

/** `--region`. */
export const regionOption = () =>
  new Option("--region <region>", "Region of the bucket (default: AWS_REGION, or us-east-1)");

/** `--profile`. */
export const profileOption = () =>
  new Option("--profile <name>", "AWS profile with the credentials (default: those of the environment)");

/** Help on the bucket's credentials. */
export const placeHelp =
  "A bucket is reached with the credentials of the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), which under `sst shell` are those of the stage. They need s3:GetObject, s3:PutObject and s3:ListBucket there.";

/** Opens `s3://BUCKET/PREFIX` or a folder. Throws `UsageError` for a bucket of the stage, whose objects are images. */
export function openPlace(place: string, options: BucketOptions = {}): Place {
  if (!place.startsWith("s3://")) {
    if (Object.values(options).some((value) => value !== undefined))
      throw new UsageError(
        `The place ${place} is a folder. --endpoint-url, --region and --profile are for s3://BUCKET/PREFIX.`,
      );
    return folder(resolve(place));
  }
  const [, bucket, prefix = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(place) ?? [];
  if (!bucket) throw new UsageError(`The place ${place} is no S3 location. Name it as s3://BUCKET/PREFIX.`);
  if (bucket === Resource.Uploads.name || bucket === Resource.Processed.name)
    throw new UsageError(`The bucket ${bucket} is one of the stage's. Name another one.`);
  const { endpointUrl } = options;
  if (endpointUrl !== undefined && !(/^https?:/.test(endpointUrl) && URL.canParse(endpointUrl)))
    throw new UsageError(`The endpoint ${endpointUrl} is no URL. Name it as https://HOST.`);
  return inBucket(bucket, prefix.replace(/\/*$/, prefix === "" ? "" : "/"), options);
}

function inBucket(bucket: string, prefix: string, options: BucketOptions): Place {
  const client = Storage.createClient({}, configOf(options));
  const keyOf = (path: string) => `${prefix}${path}`;
  const placed = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new PlaceError(`s3://${bucket}/${keyOf(path)}: ${reasonOf(cause)}`, { cause });
    }
  };
  const get = (path: string) => placed(path, () => ObjectStream.open(client, bucket, keyOf(path)));
  const put = (path: string, opened: ObjectStream.Opened) =>
    placed(path, async () => void (await ObjectStream.put(client, bucket, keyOf(path), opened)));
  return {
    read: (path, bytesMax) =>
      ObjectStream.retrying(async () => {
        const opened = await get(path);
        if (!opened) return undefined;
        if (opened.bytes <= bytesMax) return placed(path, () => text(opened.body));
        opened.body.destroy();
        throw new PlaceError(`${path} has ${opened.bytes} bytes; at most ${bytesMax} are read.`);
      }),
    write: (path, contents) => ObjectStream.retrying(() => put(path, ObjectStream.ofText(contents))),
    async open(path, bytes) {
      const opened = await get(path);
      if (!opened) throw missing(path);
      if (opened.bytes === bytes) return opened;
      opened.body.destroy();
      throw otherSize(path, opened.bytes, bytes);
    },
    save: put,
  };
}

/**
 * Returns the configuration of the bucket's client. For a deployed stage it is that of the stage, as far as the options do
 * not replace it. The embedded mode has replaced the user's, which is taken here.
 */
function configOf({
  endpointUrl,
  region,
  profile,
}: BucketOptions): Parameters<typeof Storage.createClient>[1] {
  const own = ownEnvironment();
  const named = {
    ...(region && { region }),
    ...(endpointUrl && { endpoint: endpointUrl, forcePathStyle: !isOfAWS(endpointUrl) }),
  };
  if (!own) {
    return { ...named, ...(profile && { credentials: fromIni({ profile }) }), followRegionRedirects: true };
  }
  const ownRegion = region ?? (own.AWS_REGION || own.AWS_DEFAULT_REGION || "us-east-1");
  const ownEndpoint = endpointUrl ?? (own.AWS_ENDPOINT_URL_S3 || own.AWS_ENDPOINT_URL);
  const endpoint = ownEndpoint ?? `https://s3.${ownRegion}.amazonaws.com`;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = own;
  const { AWS_SESSION_TOKEN: sessionToken } = own;
  return {
    region: ownRegion,
    endpoint,
    forcePathStyle: !isOfAWS(endpoint),
    credentials:
      profile === undefined && accessKeyId && secretAccessKey
        ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
        : fromIni({
            profile: profile ?? (own.AWS_PROFILE || "default"),
            configFilepath: own.AWS_CONFIG_FILE || join(homedir(), ".aws/config"),
            filepath: own.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), ".aws/credentials"),
          }),
  };
}

/** Other endpoints expect the bucket in the path, not in the host. */
const isOfAWS = (endpoint: string) => /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);

/** Returns what S3, or the way to it, says. */
function reasonOf(error: unknown): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === "CredentialsProviderError")
    return "there are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a --profile.";
  if (name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed")
    return `the bucket is in another region (${message}). Name it by --region.`;
  return message.includes(name) || name === "Error" ? message : `${name}: ${message}`;
}

function folder(root: string): Place {
  /** Opens a file; undefined if there is none. The caller closes it. */
  const openFile = async (path: string): Promise<{ file: FileHandle; bytes: number } | undefined> => {
    try {
      const real = await realpath(join(root, path));
      // A link in a foreign dump must not read other files of this machine.
      if (!real.startsWith((await realpath(root)).replace(/\/$/, "") + sep))
        throw new Transfer.TransferError(`${path} leads out of the dump.`);
      // Before it is opened: a pipe would wait for its writer.
      const details = await stat(real);
      if (!details.isFile()) throw new Transfer.TransferError(`${path} is no file.`);
      return { file: await open(real), bytes: details.size };
    } catch (cause) {
      if (cause instanceof Transfer.TransferError) throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
      throw new PlaceError(`${path} cannot be read: ${message}`, { cause });
    }
  };
  /** Renames into place: a crash leaves no half of a file. */
  const replace = async (path: string, write: (file: string) => Promise<void>) => {
    const file = join(root, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await write(`${file}.new`);
      await rename(`${file}.new`, file);
    } catch (cause) {
      await rm(`${file}.new`, { force: true }).catch(() => {});
      throw isOfFiles(cause)
        ? new PlaceError(`${file} cannot be written: ${cause.message}`, { cause })
        : cause;
    }
  };
  return {
    async read(path, bytesMax) {
      const opened = await openFile(path);
      if (!opened) return undefined;
      if (opened.bytes <= bytesMax) return text(opened.file.createReadStream());
      await opened.file.close();
      throw new PlaceError(`${path} has ${opened.bytes} bytes; at most ${bytesMax} are read.`);
    },
    write: (path, contents) => replace(path, (file) => writeFile(file, contents)),
    async open(path, bytes) {
      const opened = await openFile(path);
      if (!opened) throw missing(path);
      if (opened.bytes === bytes) return { body: opened.file.createReadStream(), bytes };
      await opened.file.close();
      throw otherSize(path, opened.bytes, bytes);
    },
    save: (path, { body }) => replace(path, (file) => pipeline(body, createWriteStream(file))),
  };
}

/** Returns true for an error of the file system, and not of what was to be written. */
const isOfFiles = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  /^(mkdir|open|write|rename)$/.test(String((error as NodeJS.ErrnoException).syscall));

const missing = (path: string) => new Transfer.TransferError(`The dump has no file ${path}.`);

const otherSize = (path: string, bytes: number, expected: number) =>
  new Transfer.TransferError(`${path} is damaged: it has ${bytes} of ${expected} bytes.`);
