/** Receives the body of a request and verifies its length, hashes, checksums and signatures. */
import { type Algorithm, algorithmNamed, algorithms, type Digest, digestsOf } from "./checksum.ts";
import { framings, unframe } from "./chunked.ts";
import { S3Error } from "./error.ts";
import { type Meta, wholeSeconds } from "./object-file.ts";
import { bodyBytesMax, type S3Request } from "./request.ts";

/** A body that passed every check. */
export type Received = {
  bytes: number;
  digests: ReadonlyMap<Digest, Buffer>;
  /** The client's checksum, in base64. */
  checksum?: { algorithm: Algorithm; value: string };
};

/**
 * Passes the bytes of the body to `write` as they arrive and computes the digests that `also` names. Throws if length,
 * payload hash, Content-MD5, checksum or the signature of a chunk or trailer is wrong; the caller then discards the
 * bytes.
 */
export async function receive(
  request: S3Request,
  also: Iterable<Digest>,
  write: (chunk: Buffer) => void | Promise<void>,
  bytesMax = bodyBytesMax,
): Promise<Received> {
  const expected = lengthOf(request);
  if (expected > bytesMax) throw tooLarge(expected, bytesMax);
  let bytes = 0;
  const take = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > expected) throw incomplete(expected);
    return write(chunk);
  };
  const claims = claimsOf(request.headers, request.signed.payload);
  return await holdTo(claims, also, take, async (take) => {
    const trailers = await pass(request, take);
    if (bytes !== expected) throw incomplete(expected);
    return trailers;
  });
}

/**
 * Runs `flow`, which passes bytes on and returns the trailers, and verifies the claims about the bytes. Throws the
 * error of the first false claim.
 */
export async function holdTo(
  claims: readonly Claim[],
  also: Iterable<Digest>,
  write: (chunk: Buffer) => void | Promise<void>,
  flow: (take: (chunk: Buffer) => void | Promise<void>) => Promise<ReadonlyMap<string, string>>,
): Promise<Received> {
  const digests = digestsOf([...claims.map(({ digest }) => digest), ...also]);
  let bytes = 0;
  const trailers = await flow((chunk) => {
    bytes += chunk.length;
    digests.update(chunk);
    return write(chunk);
  });
  const results = await digests.finish();
  let checksum: Received["checksum"];
  for (const claim of claims) {
    const value = results.get(claim.digest)?.toString(claim.encoding);
    const given = claim.value ?? trailers.get(`x-amz-checksum-${claim.digest}`);
    if (given === undefined)
      throw new S3Error("MalformedTrailerError", `The trailer x-amz-checksum-${claim.digest} is missing.`);
    if (value !== given) throw claim.error();
    if (claim.digest !== "md5" && claim.encoding === "base64") checksum = { algorithm: claim.digest, value };
  }
  return { bytes, digests: results, checksum };
}

/** Returns a small body whole, verified like any other. */
export async function receiveWhole(request: S3Request, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await receive(request, [], (chunk) => void chunks.push(chunk), bytesMax);
  return Buffer.concat(chunks);
}

async function pass(
  { message, signed, proceed }: S3Request,
  take: (chunk: Buffer) => void | Promise<void>,
): Promise<ReadonlyMap<string, string>> {
  proceed();
  // Not `for await`: leaving that early destroys the connection, and the error response with it.
  const body: AsyncIterator<Buffer> = message.iterator({ destroyOnReturn: false });
  try {
    const source = isFramed(signed.payload) ? unframe({ [Symbol.asyncIterator]: () => body }, signed) : body;
    for (;;) {
      const { done, value } = await source.next();
      if (done) return value ?? new Map();
      await take(value);
    }
  } catch (error) {
    if (message.errored) throw incomplete(undefined, error);
    throw error;
  } finally {
    await body.return?.();
  }
}

const isFramed = (payload: string) => (framings as readonly string[]).includes(payload);

/** Returns the declared length in bytes, without any framing. */
function lengthOf({ headers, signed }: S3Request): number {
  if (signed.payload.startsWith("STREAMING-") && !isFramed(signed.payload))
    throw new S3Error("NotImplemented", `x-amz-content-sha256 may not be ${signed.payload} here.`);
  if (!isFramed(signed.payload) && headers["transfer-encoding"])
    throw new S3Error(
      "NotImplemented",
      "A header you provided implies functionality that is not implemented: Transfer-Encoding. Send Content-Length.",
    );
  const length = headers[isFramed(signed.payload) ? "x-amz-decoded-content-length" : "content-length"];
  if (!length || !/^\d{1,15}$/.test(length))
    throw new S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.");
  return Number(length);
}

/** A hash or checksum that a body must have. */
export type Claim = { digest: Digest; encoding: "hex" | "base64"; value?: string; error: () => S3Error };

/** Returns the claims in the headers. The value of a claim without one is in the trailers. */
export function claimsOf(headers: S3Request["headers"], payload: string): Claim[] {
  const claims: Claim[] = [];
  if (/^[0-9a-f]{64}$/.test(payload))
    claims.push({ digest: "sha256", encoding: "hex", value: payload, error: hashMismatch });
  const md5 = headers["content-md5"];
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16)
      throw new S3Error("InvalidDigest", "The Content-MD5 you specified is not valid.");
    claims.push({ digest: "md5", encoding: "base64", value: md5, error: () => badDigest("Content-MD5") });
  }
  const checksum = checksumIn(headers, isFramed(payload));
  if (checksum)
    claims.push({
      digest: checksum.algorithm,
      encoding: "base64",
      value: checksum.value,
      error: () => badDigest(checksum.algorithm.toUpperCase()),
    });
  return claims;
}

/** Returns the one checksum that is in the headers or declared as a trailer. */
function checksumIn(
  headers: S3Request["headers"],
  framed: boolean,
): { algorithm: Algorithm; value?: string } | undefined {
  const found: { algorithm: Algorithm; value?: string }[] = algorithms.flatMap((algorithm) => {
    const value = headers[`x-amz-checksum-${algorithm}`];
    return value === undefined ? [] : [{ algorithm, value }];
  });
  const declared = headers["x-amz-trailer"]?.toLowerCase().split(",") ?? [];
  for (const name of declared.map((name) => name.trim())) {
    const algorithm = framed && algorithmNamed(name.replace("x-amz-checksum-", ""));
    if (!algorithm)
      throw new S3Error("InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
    found.push({ algorithm });
  }
  const [first] = found;
  if (found.length > 1)
    throw new S3Error(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  const named = headers["x-amz-sdk-checksum-algorithm"];
  if (named !== undefined && first?.algorithm !== algorithmNamed(named))
    throw new S3Error(
      "InvalidRequest",
      "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
    );
  return first;
}

/** The error for a body that is too long. */
export const tooLarge = (bytes: number, bytesMax: number): S3Error =>
  new S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    ProposedSize: String(bytes),
    MaxSizeAllowed: String(bytesMax),
  });

const badDigest = (what: string) =>
  new S3Error("BadDigest", `The ${what} you specified did not match the calculated checksum.`);

const hashMismatch = () =>
  new S3Error(
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  );

const incomplete = (expected?: number, cause?: unknown) =>
  Object.assign(
    new S3Error(
      "IncompleteBody",
      `You did not provide the number of bytes specified by the Content-Length HTTP header${expected === undefined ? "" : ` (${expected})`}.`,
    ),
    { cause },
  );

/** Returns the metadata of an object, or of a part, whose bytes were received. `now` in ms since 1970. */
export const metaOf = (
  { bytes, digests, checksum }: Received,
  key: string,
  headers: Meta["headers"],
  now: number,
): Meta => ({
  key,
  size: bytes,
  etag: digests.get("md5")?.toString("hex") ?? "",
  modified: wholeSeconds(now),
  headers,
  checksum: checksum && { ...checksum, type: "FULL_OBJECT" },
});
