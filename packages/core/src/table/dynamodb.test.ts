import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsClient } from "aws4fetch";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Aws } from "../aws/aws.ts";
import { isConditionFailure, readMany } from "../records/record.ts";
import { createClient } from "./dynamodb.ts";
import { ImageEntity } from "./image-entity.ts";

type Seen = { headers: IncomingMessage["headers"]; body: string; connection: unknown };

/** What the server does with each request in turn; the last for all that follow. */
let acts: ((response: ServerResponse) => void)[];
let seen: Seen[];
let stop: () => Promise<void>;

beforeEach(async () => {
  seen = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.push({
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      connection: request.socket,
    });
    (acts.length > 1 ? acts.shift() : acts[0])?.(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await stop();
});

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };
const refuse = (name: string, status = 400, headers = {}) =>
  answer(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "No." }, headers);
const item = { pk: "a", n: 1.5, list: ["é", null, { deep: true }], none: undefined };
const found = answer(200, {
  Item: {
    pk: { S: "a" },
    n: { N: "1.5" },
    list: { L: [{ S: "é" }, { NULL: true }, { M: { deep: { BOOL: true } } }] },
  },
});
const get = (client = createClient()) => client.call("GetItem", { TableName: "t", Key: { pk: "a" } });

describe("a request", () => {
  test("and its answer are plain values here and DynamoDB's on the wire", async () => {
    acts = [found];
    const client = createClient();
    const { Item } = await client.call("GetItem", { TableName: "t", Key: item });
    expect(Item).toEqual({ pk: "a", n: 1.5, list: ["é", null, { deep: true }] });
    expect(JSON.parse(seen[0]?.body ?? "").Key).toEqual({
      pk: { S: "a" },
      n: { N: "1.5" },
      list: { L: [{ S: "é" }, { NULL: true }, { M: { deep: { BOOL: true } } }] },
    });
    expect(seen[0]?.headers["x-amz-target"]).toBe("DynamoDB_20120810.GetItem");
  });

  test.each([undefined, "token/with+signs="])(
    "is signed as another signer signs it, session token %s",
    async (token) => {
      vi.stubEnv("AWS_SESSION_TOKEN", token);
      acts = [found];
      await createClient().call("GetItem", { TableName: "t", Key: { pk: "é" } });
      const { headers = {}, body = "" } = seen[0] ?? {};
      const aws = new AwsClient({ ...(await Aws.credentials()), region: Aws.region(), service: "dynamodb" });
      const signed = await aws.sign(`http://${headers.host}/`, {
        method: "POST",
        body,
        headers: Object.fromEntries(
          ["content-type", "x-amz-target"].map((name) => [name, String(headers[name])]),
        ),
        aws: { datetime: String(headers["x-amz-date"]), allHeaders: true },
      });
      expect(headers["x-amz-security-token"]).toBe(token);
      expect(headers.authorization).toBe(signed.headers.get("authorization"));
    },
  );

  test("uses the connection of the one before", async () => {
    acts = [found];
    const client = createClient();
    for (let i = 0; i < 3; i++) await get(client);
    expect(new Set(seen.map(({ connection }) => connection)).size).toBe(1);
  });
});

const breakOff = (response: ServerResponse) => void response.socket?.destroy();
const breakOffInTheMiddle = (response: ServerResponse) => {
  response.writeHead(200, { "content-length": "1000" });
  response.write('{"Item":', () => response.socket?.destroy());
};
const hang = () => {};
const hangInTheMiddle = (response: ServerResponse) => {
  response.writeHead(200, { "content-length": "1000" }).write('{"Item":');
};

describe("what may pass is tried again:", () => {
  test.each([
    ["a throttled request", refuse("ThrottlingException")],
    ["throughput that is used up", refuse("ProvisionedThroughputExceededException")],
    ["an account's limit", refuse("RequestLimitExceeded")],
    ["too many requests, by who knows whom", answer(429, "")],
    ["a fault inside DynamoDB", refuse("InternalServerError", 500)],
    ["an answer of something in between", answer(503, "<html>Service Unavailable</html>")],
    ["a connection that breaks", breakOff],
    ["an answer that breaks off", breakOffInTheMiddle],
    ["no answer in time", hang],
    ["half an answer in time", hangInTheMiddle],
  ])("%s", async (_, trouble) => {
    acts = [trouble, trouble, found];
    expect((await get(createClient({ tryMs: 500 }))).Item).toMatchObject({ pk: "a" });
    expect(seen).toHaveLength(3);
  });

  test("five times at most, and after pauses that are random and grow", async () => {
    acts = [refuse("ThrottlingException")];
    const random = vi.spyOn(Math, "random").mockReturnValue(0.02);
    const timers = vi.spyOn(globalThis, "setTimeout");
    await expect(get()).rejects.toMatchObject({ name: "ThrottlingException", status: 400, message: "No." });
    expect(seen).toHaveLength(5);
    const pauses = timers.mock.calls.map(([, ms]) => ms).filter((ms) => [4, 8, 16, 32].includes(Number(ms)));
    expect(pauses).toEqual([4, 8, 16, 32]);
    expect(random).toHaveBeenCalledTimes(4);
  });

  test("nothing that listens there", async () => {
    await stop();
    vi.spyOn(Math, "random").mockReturnValue(0);
    await expect(get()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    stop = async () => {};
  });

  test("a clock that is wrong, put right by what AWS says the time is", async () => {
    const ahead = Date.now() + 3_600_000;
    const date = new Date(ahead).toUTCString();
    acts = [refuse("InvalidSignatureException", 400, { date }), found];
    const client = createClient();
    await get(client);
    await get(client);
    expect(seen).toHaveLength(3);
    for (const { headers } of seen.slice(1)) {
      const stamp = String(headers["x-amz-date"]).replace(/(....)(..)(..T..)(..)/, "$1-$2-$3:$4:");
      expect(Math.abs(Date.parse(stamp) - ahead)).toBeLessThan(60_000);
    }
  });
});

describe("what will not pass is said at once:", () => {
  test.each([
    [
      "a condition that does not hold",
      refuse("ConditionalCheckFailedException"),
      "ConditionalCheckFailedException",
    ],
    ["a wrong key", refuse("UnrecognizedClientException"), "UnrecognizedClientException"],
    [
      "a wrong secret, by a clock that is right",
      refuse("InvalidSignatureException"),
      "InvalidSignatureException",
    ],
    ["no right to it", refuse("AccessDeniedException"), "AccessDeniedException"],
    ["a page of something else", answer(200, "<html>Sign in</html>"), "UnexpectedAnswer"],
  ])("%s", async (_, trouble, name) => {
    acts = [trouble];
    await expect(get()).rejects.toMatchObject({ name });
    expect(seen).toHaveLength(1);
  });

  test("no credentials, no region", async () => {
    acts = [found];
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    await expect(get()).rejects.toThrow("AWS_ACCESS_KEY_ID");
    vi.stubEnv("AWS_REGION", undefined);
    await expect(get()).rejects.toThrow("AWS_REGION");
    expect(seen).toHaveLength(0);
  });

  test.each([[Number.NaN], [2 ** 53], [new Date()], [new Set(["a"])], [1n]])(
    "a value that DynamoDB cannot give back: %s",
    async (value) => {
      await expect(createClient().call("PutItem", { Item: { value } })).rejects.toThrow(TypeError);
      expect(seen).toHaveLength(0);
    },
  );
});

describe("under the entities", () => {
  const imageID = "img_01KAR5ZJ5V0000000000000000";

  test("a condition that failed is known as such, and no other error is", async () => {
    const failure = () =>
      ImageEntity.remove({ imageID })
        .go()
        .catch((error: unknown) => error);
    acts = [refuse("ConditionalCheckFailedException")];
    expect(isConditionFailure(await failure())).toBe(true);
    acts = [refuse("AccessDeniedException")];
    expect(isConditionFailure(await failure())).toBe(false);
  });

  test("what a batch leaves out is asked for again, until all is there", async () => {
    const ids = ["a", "b", "c"].map((end) => imageID.slice(0, -1) + end);
    const keyOf = (id: string) => ({ pk: { S: `$images#imageID_${id}` }, sk: { S: "$image_1" } });
    const row = (id: string) => ({
      ...keyOf(id),
      imageID: { S: id },
      __edb_e__: { S: "image" },
      __edb_v__: { S: "1" },
    });
    const [a = "", b = "", c = ""] = ids;
    const left = (...ids: string[]) => (ids.length > 0 ? { images: { Keys: ids.map(keyOf) } } : {});
    acts = [
      answer(200, { Responses: { images: [] }, UnprocessedKeys: left(a, b, c) }),
      answer(200, { Responses: { images: [row(b)] }, UnprocessedKeys: left(c, a) }),
      answer(200, { Responses: { images: [row(a), row(c)] }, UnprocessedKeys: left() }),
    ];
    expect((await readMany(ids)).map(({ imageID }) => imageID)).toEqual(ids);
    expect(seen.map(({ body }) => JSON.parse(body).RequestItems.images.Keys.length)).toEqual([3, 3, 2]);
  });
});
