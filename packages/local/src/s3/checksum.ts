/** The digests of S3, computed as the bytes pass. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { AwsCrc32c } from "@aws-crypto/crc32c";
import { Crc64Nvme } from "@aws-sdk/crc64-nvme";

/** The checksum algorithms, as in the names of the `x-amz-checksum-` headers. */
export const algorithms = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;
export type Algorithm = (typeof algorithms)[number];

/** The checksums, and MD5, which makes the ETag. */
export type Digest = Algorithm | "md5";

type Running = { update(chunk: Uint8Array): unknown; digest(): Uint8Array | Promise<Uint8Array> };

/** Several digests of one stream, each computed once. */
export type Digests = {
  update(chunk: Uint8Array): void;
  /** Returns the digests. Called once, after the last byte. */
  finish(): Promise<ReadonlyMap<Digest, Buffer>>;
};

/** Starts the named digests. */
export function digestsOf(names: Iterable<Digest>): Digests {
  const running = new Map([...new Set(names)].map((name) => [name, start(name)]));
  return {
    update(chunk) {
      for (const digest of running.values()) digest.update(chunk);
    },
    async finish() {
      const results = new Map<Digest, Buffer>();
      for (const [name, digest] of running) results.set(name, Buffer.from(await digest.digest()));
      return results;
    },
  };
}

/** Computes one digest of a buffer. */
export async function digestOf(name: Digest, bytes: Uint8Array): Promise<Buffer> {
  const digest = start(name);
  digest.update(bytes);
  return Buffer.from(await digest.digest());
}

function start(name: Digest): Running {
  if (name === "crc32") return crc32Running();
  if (name === "crc32c") return new AwsCrc32c();
  if (name === "crc64nvme") return new Crc64Nvme();
  return createHash(name);
}

/** zlib's CRC-32 runs in C at gigabytes a second; the SDK's is JavaScript. */
function crc32Running(): Running {
  let value = 0;
  return {
    update(chunk) {
      value = crc32(chunk, value);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    },
  };
}

/** Returns the algorithm of a name such as `CRC32` or `sha256`, or undefined if there is none. */
export const algorithmNamed = (name: string | undefined): Algorithm | undefined =>
  algorithms.find((algorithm) => algorithm === name?.toLowerCase());
