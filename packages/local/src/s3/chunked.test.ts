import { describe, expect, test } from "vitest";
import { unframe } from "./chunked.ts";
import type { Signed } from "./request.ts";
import { type Identity, scopeOf, verify } from "./verify-signature.ts";

// The examples that AWS publishes: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
const identity: Identity = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
  service: "s3",
};
const date = "20130524T000000Z";
const now = Date.UTC(2013, 4, 24);
const bytes = Buffer.alloc(66_560, "a");
const [first, second] = [bytes.subarray(0, 65_536), bytes.subarray(65_536)];

const signedAs = async (payload: string, signature: string): Promise<Signed> => {
  const { scope, signingKey } = await scopeOf(
    `${identity.accessKeyId}/20130524/us-east-1/s3/aws4_request`,
    identity,
  );
  return { payload, signature, date, scope, signingKey };
};

const plain = () =>
  signedAs(
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
  );
const plainSignatures = [
  "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
  "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
  "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];
const withTrailer = () =>
  signedAs(
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
  );
const trailerSignatures = [
  "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
  "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
  "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
];
const trailers =
  "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";

const chunk = (data: Buffer, signature?: string) =>
  Buffer.concat([
    Buffer.from(`${data.length.toString(16)}${signature ? `;chunk-signature=${signature}` : ""}\r\n`),
    data,
    Buffer.from(data.length ? "\r\n" : ""),
  ]);
const framed = ([a, b, c]: (string | undefined)[], end = "\r\n") =>
  Buffer.concat([chunk(first, a), chunk(second, b), chunk(Buffer.alloc(0), c), Buffer.from(end)]);

async function read(body: Buffer, signed: Signed, pieceBytes = 16_384) {
  const pieces = (async function* () {
    for (let i = 0; i < body.length; i += pieceBytes) yield body.subarray(i, i + pieceBytes);
  })();
  const chunks: Buffer[] = [];
  const frames = unframe(pieces, signed);
  for (;;) {
    const { done, value } = await frames.next();
    if (done) return { bytes: Buffer.concat(chunks), trailers: Object.fromEntries(value) };
    chunks.push(value);
  }
}

test("the request that AWS publishes as an example is believed", async () => {
  const headers = {
    host: ["s3.amazonaws.com"],
    "x-amz-date": [date],
    "x-amz-storage-class": ["REDUCED_REDUNDANCY"],
    "x-amz-content-sha256": ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD"],
    "content-encoding": ["aws-chunked"],
    "x-amz-decoded-content-length": ["66560"],
    "content-length": ["66824"],
    authorization: [
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    ],
  };
  const request = { method: "PUT", path: "/examplebucket/chunkObject.txt", query: [], headers };
  const payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  expect(await verify(request, identity, now, payload)).toEqual(await plain());
});

describe.each([1, 7, 16_384, 100_000])("the frames come in pieces of %i bytes:", (pieceBytes) => {
  test("the bytes of AWS's signed example come out", async () => {
    const result = await read(framed(plainSignatures), await plain(), pieceBytes);
    expect(result.bytes.equals(bytes)).toBe(true);
  });

  test("the bytes and the trailer of AWS's signed example come out", async () => {
    const result = await read(framed(trailerSignatures, trailers), await withTrailer(), pieceBytes);
    expect(result.bytes.equals(bytes)).toBe(true);
    expect(result.trailers).toEqual({ "x-amz-checksum-crc32c": "sOO8/Q==" });
  });

  test("unsigned frames come out, with a trailer that ends in an LF of its own", async () => {
    const signed = await signedAs("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "");
    const result = await read(framed([], "x-amz-checksum-crc32:AAAAAA==\n\r\n\r\n"), signed, pieceBytes);
    expect(result.bytes.equals(bytes)).toBe(true);
    expect(result.trailers).toEqual({ "x-amz-checksum-crc32": "AAAAAA==" });
  });
});

describe("signed frames are refused", () => {
  const [a = "", b = "", c = ""] = plainSignatures;
  const swapped = Buffer.concat([
    chunk(second, b),
    chunk(first, a),
    chunk(Buffer.alloc(0), c),
    Buffer.from("\r\n"),
  ]);
  const changed = framed(plainSignatures);
  changed[200] = 98;

  test.each([
    ["with a changed byte", changed],
    ["in another order", swapped],
    ["with one left out", Buffer.concat([chunk(first, a), chunk(Buffer.alloc(0), c), Buffer.from("\r\n")])],
    ["without the last signature", framed([a, b])],
    ["without any signature", framed([])],
  ])("%s", async (_, body) => {
    await expect(read(body, await plain())).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  test("with a changed or unsigned trailer", async () => {
    const signed = await withTrailer();
    const other = trailers.replace("sOO8", "tOO8");
    await expect(read(framed(trailerSignatures, other), signed)).rejects.toMatchObject({
      code: "SignatureDoesNotMatch",
    });
    const unsigned = "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n";
    await expect(read(framed(trailerSignatures, unsigned), signed)).rejects.toMatchObject({
      code: "SignatureDoesNotMatch",
    });
  });
});

describe("frames that are none are refused", () => {
  test.each([
    ["broken off in a chunk", framed([]).subarray(0, 1000), "IncompleteBody"],
    ["broken off before the last chunk", framed([]).subarray(0, -5), "IncompleteBody"],
    ["without a size", Buffer.from("hello\r\n"), "IncompleteBody"],
    ["with a negative size", Buffer.from("-5\r\nhello\r\n0\r\n\r\n"), "IncompleteBody"],
    ["longer than their size", Buffer.from("3\r\nhello\r\n0\r\n\r\n"), "IncompleteBody"],
    ["with a line that does not end", Buffer.alloc(100_000, "1"), "IncompleteBody"],
    ["with a trailer that is none", Buffer.from("0\r\nnonsense\r\n\r\n"), "MalformedTrailerError"],
    ["empty", Buffer.alloc(0), "IncompleteBody"],
  ])("%s", async (_, body, code) => {
    const signed = await signedAs("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "");
    await expect(read(body, signed)).rejects.toMatchObject({ code });
  });
});
