/** What a signal is about: whose image, under which record, and by which clock it is judged. */
import { Resource } from "sst";
import { ID } from "../id.ts";
import type { Protocol } from "../records/protocol.ts";
import { read } from "../records/record.ts";
import type { Settings } from "../settings.ts";
import type { ImageRecord } from "../table/image-entity.ts";

/** What became of a signal, for the log. Only `acknowledge: true` lets the message go. */
export type Report = { acknowledge: boolean; imageID: string; did: string };

/** The lease outlasts the function, so that a worker that still runs always still holds it. */
const leaseMarginSeconds = 15;

/** How often a decision is made anew because somebody else wrote first. */
export const triesMax = 8;

/**
 * Whose image a key is, and its record if there is one. An announced upload's key names its image; any other key is
 * an image of its own, and so is a key that names an image announced under another.
 */
export async function find(
  key: string,
): Promise<{ imageID: string; owner: string; record: ImageRecord | undefined }> {
  const announced = ID.parseKey(key);
  if (announced) {
    const record = await read(announced.imageID);
    if (!record || record.key === key) return { ...announced, record };
  }
  const imageID = ID.imageIDFromKey(Resource.Uploads.name, key);
  return { imageID, owner: ID.ownerDefault, record: await read(imageID) };
}

/** By what the protocol judges a signal. */
export const contextOf = (imageID: string, owner: string, settings: Settings.Pipeline): Protocol.Context => ({
  imageID,
  owner,
  now: Date.now(),
  leaseSeconds: settings.processorTimeoutSeconds + leaseMarginSeconds,
});
