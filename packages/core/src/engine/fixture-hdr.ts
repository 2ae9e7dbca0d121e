/** JPEG files with a gain map, put together as phones write them: a base image in SDR, and how to make it brighter. */
import { bytes, u16, u32 } from "./fixture-bytes.ts";
import { sharp } from "./sharp.ts";

const gainMapXmp = (attributes: string) =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ${attributes}</rdf:RDF></x:xmpmeta>`;

/** Android's Ultra HDR: the directory of the container in the base image, and the parameters in the gain map. */
const ultraHdr = {
  base: (bytes: number) =>
    gainMapXmp(
      `xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"><Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="${bytes}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>`,
    ),
  map: gainMapXmp(
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" hdrgm:GainMapMin="0" hdrgm:GainMapMax="2" hdrgm:Gamma="1" hdrgm:OffsetSDR="0.015625" hdrgm:OffsetHDR="0.015625" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="2" hdrgm:BaseRenditionIsHDR="False"/>',
  ),
};

/** Apple's gain map, which has XMP in the gain map alone. */
const apple = {
  base: () => undefined,
  map: gainMapXmp(
    'xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/" xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" apdi:AuxiliaryImageType="urn:com:apple:photo:2020:aux:hdrgainmap" HDRGainMap:HDRGainMapVersion="65536"/>',
  ),
};

/** Adds a gain map to a JPEG. */
export async function withGainMap(base: Buffer, maker: "android" | "apple"): Promise<Buffer> {
  const { base: container, map: parameters } = maker === "android" ? ultraHdr : apple;
  const plain = await sharp({ create: { width: 64, height: 48, channels: 3, background: "#808080" } })
    .greyscale()
    .jpeg()
    .toBuffer();
  const map = insert(plain, [xmp(parameters)]);
  const text = container(map.length);
  const segments = text === undefined ? [] : [xmp(text)];
  // CIPA DC-007: the index holds the size of each image, and its offset from the index's byte order.
  const before = segments.reduce((sum, { length }) => sum + length, 2 + 4 + 4);
  const size = before - 8 + base.length + mpfBytes;
  const mpf = multiPicture(size, map.length, size - before);
  if (mpf.length !== mpfBytes) throw new Error(`The MPF segment has ${mpf.length} bytes.`);
  return Buffer.concat([insert(base, [...segments, mpf]), map]);
}

const mpfBytes = 90;

function multiPicture(baseBytes: number, mapBytes: number, offset: number): Buffer {
  const entry = (tag: number, type: number, count: number, value: readonly number[] | Uint8Array) =>
    bytes(u16(tag), u16(type), u32(count), value);
  const index = bytes(
    Buffer.from("MM\0*"),
    u32(8),
    u16(3),
    entry(0xb000, 7, 4, Buffer.from("0100")),
    entry(0xb001, 4, 1, u32(2)),
    entry(0xb002, 7, 32, u32(50)),
    u32(0),
    bytes(u32(0x030000), u32(baseBytes), u32(0), u32(0)),
    bytes(u32(0), u32(mapBytes), u32(offset), u32(0)),
  );
  return segment(0xe2, bytes(Buffer.from("MPF\0"), index));
}

const xmp = (text: string) => segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0${text}`));

const segment = (marker: number, content: Uint8Array) =>
  bytes(Buffer.from([0xff, marker]), u16(content.length + 2), content);

/** Inserts segments behind the start of a JPEG. */
const insert = (jpeg: Buffer, segments: readonly Buffer[]) =>
  Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
