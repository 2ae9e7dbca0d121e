/** Bodies of webhook messages. */
export * as Payload from "./payload.ts";

import { Image } from "../images/image.ts";
import { Placement } from "../records/placement.ts";
import { type DeliveryRecord, testType } from "../table/delivery-entity.ts";
import type { ImageRecord } from "../table/image-entity.ts";
import { wholeSeconds } from "../time.ts";

/** Most bytes of a body. The specification recommends 20 KB. */
const bytesMax = 20_000;

/** Leaves out files that need a signature, which would expire in a stored message. The receiver looks the image up. */
function withoutSecrets(record: ImageRecord): ImageRecord {
  const open = Object.entries(record.variants ?? {}).filter(([, { key }]) => !Placement.isPrivate(key));
  return { ...record, variants: Object.fromEntries(open) };
}

/** Returns the body of a delivery, the same for each attempt: `{type, timestamp, data}`. `data` is the image. */
export function of({ type, at, snapshot, webhookID }: DeliveryRecord): string {
  const about = { type, timestamp: wholeSeconds(at) };
  if (type === testType || !snapshot) return JSON.stringify({ ...about, data: { id: webhookID } });
  const image = Image.serialize(withoutSecrets(snapshot));
  const body = JSON.stringify({ ...about, data: image });
  if (Buffer.byteLength(body) <= bytesMax) return body;
  // Texts of callers, in a script of three or four bytes a character. The receiver looks the image up.
  const { alt, metadata, regions, tags, ...data } = image;
  return JSON.stringify({ ...about, data, truncated: true });
}
