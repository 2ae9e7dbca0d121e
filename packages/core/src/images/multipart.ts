/**
 * Multipart uploads. S3 limits neither their number under a key nor the sum of their parts, so the signed length of each
 * part is kept: an image has one open multipart upload, whose parts together are never longer than the file.
 */
export * as Multipart from "./multipart.ts";

import { Presign } from "../aws/presign.ts";
import { VisibleError } from "../error.ts";
import { isConditionFailure } from "../records/record.ts";
import { MultipartEntity } from "../table/multipart-entity.ts";
import { backoff } from "../time.ts";

/** A part to sign: its length, and `bytesMax`, the length of the file or the most that it may have. */
export type Part = {
  imageID: string;
  key: string;
  uploadID: string;
  partNumber: number;
  bytes: number;
  bytesMax: number;
};

/** A multipart upload can be completed for two days after the signature of its last part. */
const lifeSeconds = 2 * 86_400;

/** Parts of one upload that are signed in parallel conflict. More conflicts than parts in flight are not expected. */
const conflictsMax = 20;

/**
 * Enters a part before it is signed. The first part of another multipart upload aborts the former one. Throws
 * `too_many_bytes` if the parts together are longer than the file.
 */
export async function enter(part: Part): Promise<void> {
  for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
    if (conflicts > 0) await backoff(Math.min(conflicts, 3));
    if (await enterOnce(part)) return;
  }
  throw new Error(`Gave up on the parts of ${part.imageID} after ${conflictsMax} write conflicts.`);
}

/** Returns the sum of the lengths that were signed; undefined if the upload is not the open one of its image. */
export async function signedBytes(imageID: string, uploadID: string): Promise<number | undefined> {
  const { data } = await MultipartEntity.get({ imageID }).go({ consistent: true });
  return data?.uploadID === uploadID ? sumOf(data.parts) : undefined;
}

async function enterOnce({ imageID, key, uploadID, partNumber, bytes, bytesMax }: Part): Promise<boolean> {
  const { data: before } = await MultipartEntity.get({ imageID }).go({ consistent: true });
  const others: Record<string, number> = before?.uploadID === uploadID ? before.parts : {};
  // A part that is signed again with another length may be stored with either.
  const parts: Record<string, number> = { ...others, [partNumber]: Math.max(bytes, others[partNumber] ?? 0) };
  const sum = sumOf(parts);
  if (sum > bytesMax)
    throw new VisibleError(
      "too_many_bytes",
      `The parts have ${sum} bytes together; the file has at most ${bytesMax}. Sign parts of the file as it was announced.`,
    );
  if (parts[partNumber] === others[partNumber]) return true;
  if (before && before.uploadID !== uploadID) await Presign.abortMultipart(key, before.uploadID);
  const version = (before?.version ?? 0) + 1;
  const expiresAt = Math.ceil(Date.now() / 1000) + lifeSeconds;
  try {
    await MultipartEntity.put({ imageID, uploadID, parts, version, expiresAt })
      .where((row, { eq, notExists }) => (before ? eq(row.version, before.version) : notExists(row.version)))
      .go();
    return true;
  } catch (error) {
    if (!isConditionFailure(error)) throw error;
    return false;
  }
}

const sumOf = (parts: Record<string, number>) => Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
