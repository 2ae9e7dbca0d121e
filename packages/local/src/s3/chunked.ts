/**
 * Decodes `aws-chunked` bodies: chunks, each with or without a signature, then optional trailers. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */
import { createHash } from "node:crypto";
import { S3Error } from "./error.ts";
import type { Signed } from "./request.ts";
import { hmacHex, same } from "./verify-signature.ts";

/** The values of x-amz-content-sha256 that mean a framed body. */
export const framings = [
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
] as const;

/** A line of the framing holds a size and a signature, or a checksum. */
const lineBytesMax = 4096;
const trailersMax = 16;

/**
 * Yields the bytes inside the framing, without copying them, and returns the trailers by lower-case name. Throws
 * `IncompleteBody` if the framing is broken off, `SignatureDoesNotMatch` if a chunk or the trailers were changed;
 * the caller then discards the bytes yielded before.
 */
export async function* unframe(
  source: AsyncIterable<Buffer>,
  signed: Signed,
): AsyncGenerator<Buffer, ReadonlyMap<string, string>> {
  const input = reader(source);
  const chain = signed.payload.startsWith("STREAMING-AWS4") ? signatureChain(signed) : undefined;
  for (;;) {
    const [size = "", ...extensions] = (await input.line()).split(";");
    if (!/^[0-9a-f]{1,10}$/i.test(size)) throw incomplete("A chunk does not begin with its size.");
    const hash = chain && createHash("sha256");
    for await (const bytes of input.bytes(Number.parseInt(size, 16))) {
      hash?.update(bytes);
      yield bytes;
    }
    const signature = extensions.find((extension) => extension.startsWith("chunk-signature="))?.slice(16);
    if (hash) chain?.chunk(hash.digest("hex"), signature ?? "");
    if (/^0+$/.test(size)) break;
    if ((await input.line()) !== "") throw incomplete("A chunk is longer than its size.");
  }
  return await trailersOf(input, signed.payload.endsWith("-TRAILER") ? chain : undefined);
}

async function trailersOf(
  input: Reader,
  chain: ReturnType<typeof signatureChain> | undefined,
): Promise<ReadonlyMap<string, string>> {
  const trailers = new Map<string, string>();
  let text = "";
  let signature = "";
  for (let line = await input.line(true); line !== ""; line = await input.line(true)) {
    const colon = line.indexOf(":");
    if (colon < 1 || trailers.size >= trailersMax)
      throw new S3Error(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed.",
      );
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    if (name === "x-amz-trailer-signature") signature = value;
    else {
      trailers.set(name, value);
      text += `${name}:${value}\n`;
    }
  }
  chain?.trailers(createHash("sha256").update(text).digest("hex"), signature);
  return trailers;
}

/** Each chunk's signature covers the one before it, so no chunk can be left out, repeated or moved. */
function signatureChain({ date, scope, signingKey, signature }: Signed) {
  let previous = signature;
  const expect = (kind: string, hashes: string, given: string) => {
    previous = hmacHex(signingKey, [kind, date, scope, previous, hashes].join("\n"));
    if (!same(previous, given))
      throw new S3Error(
        "SignatureDoesNotMatch",
        "The signature of a chunk does not match. Check your key and signing method.",
      );
  };
  return {
    chunk: (hash: string, given: string) =>
      expect("AWS4-HMAC-SHA256-PAYLOAD", `${emptyHash}\n${hash}`, given),
    trailers: (hash: string, given: string) => expect("AWS4-HMAC-SHA256-TRAILER", hash, given),
  };
}

const emptyHash = createHash("sha256").digest("hex");

type Reader = {
  /** The next line, without its end. With `orEnd`, the end of the body counts as an empty line. */
  line(orEnd?: boolean): Promise<string>;
  /** The next `count` bytes, as they come. */
  bytes(count: number): AsyncGenerator<Buffer>;
};

function reader(source: AsyncIterable<Buffer>): Reader {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);

  /** Reads until `rest` is not empty. Returns false at the end. */
  async function fill(): Promise<boolean> {
    while (rest.length === 0) {
      const next = await chunks.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  }

  return {
    async line(orEnd = false) {
      let text = "";
      while (text.length <= lineBytesMax) {
        if (!(await fill())) {
          if (orEnd && text === "") return "";
          break;
        }
        const end = rest.indexOf("\n");
        text += rest.toString("latin1", 0, end < 0 ? rest.length : end + 1);
        rest = rest.subarray(end < 0 ? rest.length : end + 1);
        // A line ends with CR LF. Some clients end a trailer with an extra LF before it.
        if (text.endsWith("\r\n")) return text.trim();
      }
      throw incomplete("The framing breaks off.");
    },
    async *bytes(count) {
      for (let left = count; left > 0; ) {
        if (!(await fill())) throw incomplete(`${left} bytes of a chunk are missing.`);
        const bytes = rest.subarray(0, left);
        rest = rest.subarray(bytes.length);
        left -= bytes.length;
        yield bytes;
      }
    },
  };
}

const incomplete = (why: string) =>
  new S3Error("IncompleteBody", `The body is not framed as x-amz-content-sha256 says. ${why}`);
