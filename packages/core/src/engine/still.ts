/** Finds the still image of a GIF or WebP animation: its first frame that shows something, on a transparent canvas. */
import type { Header, Still } from "./header.ts";
import type { Size } from "./plan.ts";
import {
  asRejection,
  type Clock,
  isWhole,
  open,
  type Raster,
  rasterOf,
  resizeTo,
  type Sharp,
  type SharpOptions,
  sharp,
} from "./sharp.ts";

/** Decodes the first frame of an animation that shows something; the first of all where none does. */
export async function decodeStill(
  bytes: Buffer,
  header: Header,
  frame: Size,
  options: SharpOptions,
  clock: Clock,
): Promise<Raster> {
  const { stills = [] } = header;
  let first: Raster | undefined;
  for (const page of stills.keys()) {
    const file = firstFrames(bytes, header, page + 1);
    const image = sharp(file, { ...options, page });
    const raster = await asRejection(
      page === 0 && !isCovered(header)
        ? onCanvas(image, header, frame, clock)
        : rasterOf(resizeTo(image.autoOrient(), frame), clock),
    );
    if (isVisible(raster)) return raster;
    first ??= raster;
  }
  if (!first) throw new Error("An animation without a frame passed the gate.");
  return first;
}

/** A frame that covers a part of the canvas: the rest is transparent, where libvips makes it black. */
async function onCanvas(image: Sharp, header: Header, frame: Size, clock: Clock): Promise<Raster> {
  const { left, top, width, height } = partOf(header);
  const part = await rasterOf(image.ensureAlpha().extract({ left, top, width, height }), clock);
  const [right, bottom] = [header.width - left - width, header.height - top - height];
  const background = { r: 0, g: 0, b: 0, alpha: 0 };
  const whole = await rasterOf(open(part).extend({ left, top, right, bottom, background }), clock);
  return isWhole(frame, whole) ? whole : rasterOf(resizeTo(open(whole), frame), clock);
}

/** Returns the part of the canvas that the first frame covers. A frame of no size is the decoder's to judge. */
function partOf({ width, height, stills: [first] = [] }: Header): Omit<Still, "end"> {
  return first && first.width > 0 && first.height > 0 ? first : { left: 0, top: 0, width, height };
}

/** Returns whether the first frame of an animation covers its canvas. */
export function isCovered(header: Header): boolean {
  const part = partOf(header);
  return part.width === header.width && part.height === header.height;
}

const isVisible = ({ pixels, channels }: Raster) =>
  channels === 3 || pixels.some((value, at) => at % 4 === 3 && value > 0);

/** Returns an animation without what follows one of its first frames. */
export function firstFrames(bytes: Buffer, { format, stills = [] }: Header, count: number): Buffer {
  const end = stills[count - 1]?.end;
  if (end === undefined) return bytes;
  if (format === "gif") return Buffer.concat([bytes.subarray(0, end), Buffer.from([0x3b])]);
  const file = Buffer.from(bytes.subarray(0, end));
  file.writeUInt32LE(end - 8, 4);
  return file;
}
