/**
 * HEIC files as phones write them, assembled box by box from four HEVC tiles: a grid, rotated and mirrored by
 * properties, with EXIF, a thumbnail and a depth map. heif-enc writes none of these.
 */
import { box, bytes, u16, u32 } from "./fixture-bytes.ts";

/**
 * `photo({ width: 120, height: 90 })`, its edges repeated up to 128 × 128, in four tiles of 64 × 64: each the content of
 * `mdat` of `heif-enc -q 60` (libheif 1.15.1, x265; Debian 12).
 */
const tiles = [
  "AAADpSgBrwngeEg7HEK52ZDurILekK6+0qpHxr+bS5zCPP2J2Nd5bgjZ1Y20X/LVAuB6fQc7Fh5irE6ucjSTjP6W/+WfkLOrzjMYnJw8xdkO8uYaYvvk+fy8xzU4G3zArgcATuO2gfcF945ACTcfXRSPywFoniolgQFGc2G9qKWNXII2BQD+w4rkJDsEjasZi06yGxG5Wda5+f9Rnt+sAkMxrnajjtx1DE5UwjNUSISRg9iiBjKsRUT+BD5GWl3+bRioZqe69hUDBdS7i6jc4kpzWSwtSyvLlGphgDicTjIfvgaOzMaa7LJuh0bI8O3s7rIOYNNUaZtp1I36rVQVOuIEfAOvmsJiWVXMJWyg+jsel53auXnehNjHujemGI8QSpLc4NwljfhaG+CXoVC6ePilDcTZczn0xy/+feH5sPH5pgxQFK1J2BZDB+WWBoFBF2CEMp3KscgmPXstYN7maL2SMyQQ8POKEll3nj3m81oH0uEPZyFC6nps/MkZ+k7iEitvjMXTxznSxkmEXpF654qhClhKJmwYEPfOodhk7aB+iKI+6yGV7CjEBBsSRUPBLZ3pWtwJv7vkoU5c+qXNivKUhoOmZmCzO6MRxV9Ju50Kbdztc2c5yUWoAnDG/8xkOwOaPVrlSbodtuPerCwANNeI0HMNn3Hk3/IHXi2naa3fddDqkKEbYXmGSd2WxKe+EhKUrAg34ohsMjwowkb2xPuIMgaw51SIJMETGwdKOS9vIfYp0bkBATQ0i0rLtBykQbXNlk78HU+gEtd9BqzXNIu5yvMr6n1DzNzaWi2kxf3Ay4BH20s5NnfKKDzigruosZxLg8LSXUEiNdmWQgUpy2qORsu/v3AhWyWbQJfXL36Xb8InauTEGSHhAi3xVLsGY+i8NCGCUnXOgvgcuwRBi/Y4JInTlG/y05Q2uCu8YVboTEr4DNZLGNRK2LF4axBF1mF9YQztC6pa0mrkEA/dfqWZzDnGiMots9UCylEzwIgVXUKo9rVvQLZuzUSoZmNeM1frdC3Aa/kB0z86RTwDmuz7QYDXpWv9LVoPM28bltC8UIF2Tfs4jg0jedUXBPBq7Cqz6ldfU4ur7PdgRjy5ncldoPZU8k/lOjNxM6ZNKzFVkLxwuiyOgghIxjRxMmXkVzqpntgevAsY93pSf/zOT1ARLL58ETKHN8deCiFcAeSbxr8EnOGmcn9OGEDeQEZEua6gozxpWPApPLtCauH8oLROoBmpasRPzA==",
  "AAADqSgBrwngeGI6/nrEJrgygAs16rv6ZS+dVyH3mg8XViMerf82qIuEQaJhLN+eo45dF8Vm8TwlIV4lQgcxK0H6DX2Wy3WP2JGRtItWW+rku/axcOH4Bb86yZbkOrGBP2E8aS0JD5SLRuQ2j25x+0QyI0mY+CZswSPx8F5E8/NEMVcr3dVuvef6e+tJbgZvsw5HS+0kp5/hxjwX8DntftZizz1AiFgxyhaOClnp8ZmyQMw8a/t/mDEnX9K0LKCMu9z465gYAn6znihDmcTHNlUJWsYkG14XsP5jiaIrzBGcEGNIpeXgRvseHPUWwCaVwQo3VNi/wiztwOTi7TeKw+W2IJRVXx3lr3hF8R0rhDpa7vJhwQzk4OZ9V+FM/m1HrKi7YkUEzfPGVdjWD989gxh4q+A43ZISKiG0+4OBi6P5rq6vaoB/xwKCYVA6wiDWOHkpvvtziBJOBo/b0gD4IMEnxaIXm96+E3dcXggBvGOp030XIe4Ti6G3Z674pC1LdRRsqeKqqpiHe9QEUQGD/RAnh18b4TD+SlDCNdvnvSwbiYZkDtbCBHoA/P/eQRN/5vQFKKJVbqgTbl+NXM7qSjzVY/Q8X7lbemWThG5bsO7Mu58OiDfje/7W7d8bGWRxUCq1VigSOsDJXFw/oABbSWGgmWWJqVAKG2Aj3uSjl73ynorTVT8xFUm5K7qcAUy5AVRD9neBgCpmB7fBmZotYV/rzJY4lhmWyKiBO1k4TY8tvxHhnDWlPEHAtuUbDSpppSg0f8yAYoBXfr9ZTk1EiVqj4on7U/y4h0CpouOEIcP3B3omAxk3oNNJk/8kZixXSbOg1VhOoby2FbxeNOIjGGNCgfSGjaNZ8y+cbsYdkIJFOODUvJ1JISIctaF2718r5ieF7pEpvGh+NikN7IUGnJnNj49avxeeYKwCgddg2kerqxvHrXn5JJM7wYasdQtXCjZ7cl7NFLW+AjF8/DCqAnXBuYfMg+mSKF6q0+Z68ezw24/TqhQFhyCZBbiE6NmNXLbrKP3fivw6jZ9y2cA0VWzgdiL//8PVi7XZmZx1KTsKBTnNbIIPgxeAymh4bfjl++8QONXnVvmyWuyWaoJ12jsC2FUjQDvthxFLwtH+efioHfRaXfwHhQ4ukZSBxaG8KIADHHmQHyICNQlS6LgC7zu8aVTKTJZieWgFSSYYKHVMsfzKJ8Vo/+xjkVQE0elCRvrqBOcGyz6mOViHkoELWobpNvY6/U/kbrGzIKA=",
  "AAABlSgBrwngeaEdilIOXnzeAs9uXYs1z2Z2rEHbxqB4kKVyXJW/GELuGfw+RKe154ZcNfOQyvlcDNhk+m2axwlZOdMJMYJTy3GHfbNmJeySNRBGCTbvinASIRbbmW+RSZkz9K+TO3un3thBE1yZ0FVeBGR5FiufJqxBQnMbDJS0h9LwGAqngejoE9qjyzw1E0vXTgZ6H3GdOatWk1vAu1j0IAVuChZ6KT4FHFHZ4o7tW+mjf9byeKU5JQ/E8fpwVjrBsNpZJPAImxOn3W7gxDAhDw5FkIB5UCWN0TOzI0T8Mp0zI297Pl2cdpSSowPhwvnw13ovbFzAw14UUSvp9pIGuGSGzaxBI4juYkVUiF7OKSzn5oKyCnFb5rJnUflTZf/4Rf16w0+hYrYdtZdLOj8c3WPeEtt+Homsp2Xnykyi3iwpTkqywhti8zB/74MYvGCbFL5jEOnss7sOHzouS03PEJGVWzO9nQQ+GsuXS5KB6XWx05Zme5i90FYe4IzQJQMNjM2CzWyXcP7iNIVXSU2ZT3PFsfh/gA==",
  "AAABeygBrwngebiIqr3IBtS3Vcg3C+PqnOvjD4qC5eizlsSpBYmxihjOK6lo999CGUxoN+5LnTpHkNIn2k8236yYIN8zDvftep1UewsiiKTE3itrFrdg0hQz3sdkQGq7aRnMSLcCm5jVLwQyxAuQa5ZNaBzafNsPEaXagcNaotKc2k8tugF0CcXjCfiQFRQ9/lbhdHjIvAJv3F+kiT0n1suUpLSB0pnUCxqTVxR4tyD+Q35Pj7E/74nEo7zCVhNFLetFZ9PYUU38P4jXZhB7mgQf213t96fOAQR+07uKNRBfaJyqzQrmSOGkwTF2fIoVvzdlvZ+LVwkVBz7jdkG8+qFajv+uLBY149spIh8JsoPXUd4Tw9lHJmvzQjeXIHS9eOMUnpeGdb2pMbO2g406vTd0pWczscHFdzMivOq0WYwjef3B1b92C7znzb8/SPsfHuxuSeBSUFflVLSG9ry1keKLROicN6R4LcT10d5CwXG6hp16AGlNwEILpj7JSJI=",
].map((text) => Buffer.from(text, "base64"));

/** The decoder configuration of all four tiles (`hvcC`). */
const configuration = Buffer.from(
  "AQNwAAAAAAAAAAAAHvAA/P34+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQCEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubgQEDAgAAAMACAAAAwAIQCIAAQAHRAHBcrAiQA==",
  "base64",
);

/** Options of a HEIC: `rotate` is quarter turns anticlockwise, `mirror` 0 top to bottom, 1 left to right. */
export type HeicOptions = {
  rotate?: 0 | 1 | 2 | 3;
  mirror?: 0 | 1;
  /** An ICC profile, or H.273's number of the colour primaries. */
  colour?: Buffer | number;
  /** Number of the transfer function in H.273 for colours by number; sRGB's by default. */
  transfer?: number;
  /** EXIF from its TIFF header on. */
  exif?: Buffer;
  /** URN of what the auxiliary image is: a depth map by default. */
  auxiliary?: string;
  /** Adds the item of a gain map by ISO 21496-1. */
  toneMap?: boolean;
  /** Declared size of the grid after cropping. */
  size?: readonly [number, number];
  /** Declared size of each tile. */
  tileSize?: number;
  /** `of` are the items that the grid references, row by row; its tiles by default. */
  grid?: { rows: number; columns: number; of?: readonly number[] };
  /** Content of each tile; the four of the photo, repeated, by default. */
  data?: readonly Buffer[];
};

/** Item ids. A grid may reference an item only once. */
const gridItem = 1;
const thumbnail = 2;
const depth = 3;
const exifItem = 4;
const toneMap = 5;
const firstTile = 11;

/** A HEIC of 120 × 90 pixels before it is turned. */
export function heic(options: HeicOptions = {}): Buffer {
  const { rotate, mirror, colour, exif, size = [120, 90], tileSize = 64 } = options;
  const { rows, columns, of: named } = options.grid ?? { rows: 2, columns: 2 };
  const count = rows * columns;
  const data = options.data ?? Array.from({ length: count }, (_, i) => tiles[i % 4] ?? Buffer.alloc(0));
  const of = named ?? Array.from({ length: count }, (_, i) => firstTile + i);
  const [first = Buffer.alloc(0)] = data;
  const properties = [
    box("ispe", bytes(u32(0), u32(size[0]), u32(size[1]))),
    box("ispe", bytes(u32(0), u32(tileSize), u32(tileSize))),
    box("hvcC", configuration),
    box("auxC", bytes(u32(0), `${options.auxiliary ?? "urn:mpeg:hevc:2015:auxid:2"}\0`)),
    ...(rotate === undefined ? [] : [box("irot", bytes([rotate]))]),
    ...(mirror === undefined ? [] : [box("imir", bytes([mirror]))]),
    ...(colour === undefined ? [] : [box("colr", colr(colour, options.transfer ?? 13))]),
  ];
  // Every property after the fourth belongs to the grid, in the order of application.
  const ofGrid = [1, ...properties.slice(4).map((_, i) => i + 5)];
  const ofTile = [2, 3];
  type Item = { id: number; type: string; data: Buffer; properties: number[] };
  const items: Item[] = [
    {
      id: gridItem,
      type: "grid",
      data: bytes([0, 0, rows - 1, columns - 1], u16(size[0]), u16(size[1])),
      properties: ofGrid,
    },
    ...data.map((part, i) => ({ id: firstTile + i, type: "hvc1", data: part, properties: ofTile })),
    { id: thumbnail, type: "hvc1", data: first, properties: ofTile },
    { id: depth, type: "hvc1", data: first, properties: [...ofTile, 4] },
    ...(options.toneMap ? [{ id: toneMap, type: "tmap", data: Buffer.alloc(1), properties: [] }] : []),
    ...(exif ? [{ id: exifItem, type: "Exif", data: bytes(u32(0), exif), properties: [] }] : []),
  ];
  const brands = box("ftyp", bytes("heic", u32(0), "mif1", "heic"));
  const metaFor = (start: number) => {
    let at = start;
    const locations = items.map(({ id, data }) => {
      const location = bytes(u16(id), u16(0), u16(1), u32(at), u32(data.length));
      at += data.length;
      return location;
    });
    // All items except the grid are hidden, so that no reader shows a tile.
    const infos = items.map(({ id, type }) =>
      box("infe", bytes([2, 0, 0, id === gridItem ? 0 : 1], u16(id), u16(0), type, [0])),
    );
    // The highest bit marks a property as essential: a reader that does not support it must not show the image.
    const associations = items.map(({ id, properties }) =>
      bytes(u16(id), [properties.length, ...properties.map((index) => index | 0x80)]),
    );
    return box(
      "meta",
      bytes(u32(0)),
      box("hdlr", bytes(u32(0), u32(0), "pict", Buffer.alloc(13))),
      box("pitm", bytes(u32(0), u16(gridItem))),
      box("iloc", bytes(u32(0), [0x44, 0x00], u16(items.length)), ...locations),
      box("iinf", bytes(u32(0), u16(items.length)), ...infos),
      box(
        "iref",
        bytes(u32(0)),
        reference("dimg", gridItem, of),
        reference("thmb", thumbnail, [gridItem]),
        reference("auxl", depth, [gridItem]),
        ...(exif ? [reference("cdsc", exifItem, [gridItem])] : []),
      ),
      box("iprp", box("ipco", ...properties), box("ipma", bytes(u32(0), u32(items.length)), ...associations)),
    );
  };
  const start = brands.length + metaFor(0).length + 8;
  return bytes(brands, metaFor(start), box("mdat", ...items.map(({ data }) => data)));
}

const reference = (type: string, from: number, to: readonly number[]) =>
  box(type, bytes(u16(from), u16(to.length), ...to.map(u16)));

/** `nclx` with BT.601's matrix and the full range of values. */
const colr = (colour: Buffer | number, transfer: number) =>
  typeof colour === "number"
    ? bytes("nclx", u16(colour), u16(transfer), u16(6), [0x80])
    : bytes("prof", colour);
