import { spawnSync } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { isConditionFailure, readMany } from "../records/record.ts";
import { ImageEntity } from "./image-entity.ts";
import { Table } from "./table.ts";

type Act = (response: ServerResponse) => void;
type Seen = { headers: IncomingMessage["headers"]; body: string; connection: unknown };

/** The server's answers in turn; the last one repeats. */
let acts: Act[];
let seen: Seen[];

// One for all tests, because the shared client resolves its endpoint once.
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { headers, socket } = request;
  seen.push({ headers, body: Buffer.concat(chunks).toString(), connection: socket });
  (acts.length > 1 ? acts.shift() : acts[0])?.(response);
});

const listen = (server: Server) =>
  new Promise<number>((done) =>
    server.listen(0, "127.0.0.1", () => done((server.address() as AddressInfo).port)),
  );
const direct = (port: number) => void vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", `http://127.0.0.1:${port}`);

let port: number;

beforeAll(async () => {
  port = await listen(server);
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  vi.unstubAllEnvs();
});

beforeEach(() => {
  seen = [];
  direct(port);
  // Backoff is a random share of its limit.
  vi.spyOn(Math, "random").mockReturnValue(0);
});

afterEach(() => void vi.restoreAllMocks());

const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Act =>
  (response) =>
    response
      .writeHead(status, { "content-type": "application/x-amz-json-1.0", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body));
const refuse = (name: string, status = 400, headers = {}) =>
  answer(status, { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "No." }, headers);
const found = answer(200, { Item: { pk: { S: "a" } } });
const get = (client = Table.createClient()) =>
  client.send(new GetCommand({ TableName: "t", Key: { pk: "a" } }));

/** A 200 of which `text` arrives; then `end`. */
const partly =
  (headers: Record<string, string>, text: string, end: (response: ServerResponse) => void): Act =>
  (response) => {
    response.writeHead(200, headers);
    response.write(text, () => end(response));
  };
const cut = (response: ServerResponse) => void response.socket?.destroy();

describe("a request", () => {
  test("marshals plain values and leaves out undefined ones", async () => {
    acts = [answer(200, {})];
    const Item = { pk: "é", n: 1.5, yes: true, list: ["a", null, { deep: 1 }], none: undefined };
    await Table.createClient().send(new PutCommand({ TableName: "t", Item }));
    expect(JSON.parse(seen[0]?.body ?? "").Item).toEqual({
      pk: { S: "é" },
      n: { N: "1.5" },
      yes: { BOOL: true },
      list: { L: [{ S: "a" }, { NULL: true }, { M: { deep: { N: "1" } } }] },
    });
  });

  test("returns plain values", async () => {
    const Item = {
      empty: { S: "" },
      list: { L: [] },
      map: { M: {} },
      none: { NULL: true },
      fraction: { N: "0.25" },
      // Beyond Number.MAX_SAFE_INTEGER, exact rather than rounded.
      large: { N: "9007199254740993" },
    };
    acts = [answer(200, { Item })];
    expect((await get()).Item).toEqual({
      empty: "",
      list: [],
      map: {},
      none: null,
      fraction: 0.25,
      large: 9007199254740993n,
    });
  });

  // Not instances of classes such as Date: the client stores their fields as a map. Records hold none.
  test.each([[Number.NaN], [2 ** 53]])(
    "refuses %s, which DynamoDB would not return as it was",
    async (value) => {
      const sent = Table.createClient().send(new PutCommand({ TableName: "t", Item: { pk: "a", value } }));
      await expect(sent).rejects.toThrow(/allowed|MAX_SAFE_INTEGER|Unsupported/);
      expect(seen).toHaveLength(0);
    },
  );

  test("reuses the connection of the previous one", async () => {
    acts = [found];
    const client = Table.createClient();
    for (let i = 0; i < 3; i++) await get(client);
    expect(new Set(seen.map(({ connection }) => connection)).size).toBe(1);
  });
});

describe("retries", () => {
  test.each([
    ["exceeded throughput", refuse("ProvisionedThroughputExceededException")],
    ["a throttled request", refuse("ThrottlingException")],
    [
      "a throttled request that names a delay",
      refuse("ThrottlingException", 400, { "x-amz-retry-after": "5" }),
    ],
    ["an account's request limit", refuse("RequestLimitExceeded")],
    ["a limit on simultaneous operations", refuse("LimitExceededException")],
    ["a write conflict between replicas", refuse("ReplicatedWriteConflictException")],
    ["a transaction in progress", refuse("TransactionInProgressException")],
    ["an internal error", refuse("InternalServerError", 500)],
    ["a 502 from a proxy", answer(502, "<html>")],
    ["a 503 from a proxy", answer(503, "<html>")],
    ["a 429 without a body", answer(429, "")],
    ["a connection reset", (response: ServerResponse) => void response.socket?.resetAndDestroy()],
    ["a connection closed before the answer", cut],
    ["an answer cut off before its content length", partly({ "content-length": "1000" }, '{"Item":', cut)],
    ["a chunked answer cut off", partly({}, '{"Item":', cut)],
    ["no answer within the request timeout", () => {}],
    ["half an answer, then silence", partly({ "content-length": "1000" }, '{"Item":', () => {})],
  ] satisfies [string, Act][])("%s", async (_, fault) => {
    acts = [fault, fault, found];
    const client = Table.createClient({ requestTimeout: 300, socketTimeout: 300 });
    const { Item, $metadata } = await get(client);
    expect(Item).toEqual({ pk: "a" });
    expect($metadata.attempts).toBe(3);
    expect(seen).toHaveLength(3);
  });

  test("a request signed by a clock that is an hour slow, and signs the next by the server's", async () => {
    // Every answer is dated.
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    acts = [
      refuse("InvalidSignatureException", 400, { date }),
      answer(200, { Item: { pk: { S: "a" } } }, { date }),
    ];
    const client = Table.createClient();
    await get(client);
    await get(client);
    expect(seen).toHaveLength(3);
    const hourOf = (stamp: unknown) => String(stamp).slice(0, "20261123T10".length);
    const hours = seen.map(({ headers }) => hourOf(headers["x-amz-date"]));
    expect(hours[1]).not.toBe(hours[0]);
    expect(hours[2]).toBe(hours[1]);
  });

  test("three times at most", async () => {
    acts = [refuse("ThrottlingException")];
    await expect(get()).rejects.toMatchObject({ name: "ThrottlingException", message: "No." });
    expect(seen).toHaveLength(4);
  });

  test("after random delays that double", async () => {
    acts = [refuse("ThrottlingException")];
    vi.mocked(Math.random).mockReturnValue(0.02);
    const timers = vi.spyOn(globalThis, "setTimeout");
    await expect(get()).rejects.toThrow();
    const delays = timers.mock.calls.map(([, ms]) => Number(ms)).filter((ms) => [20, 40, 80].includes(ms));
    expect(delays).toEqual([20, 40, 80]);
  });

  test("a refused connection", async () => {
    const closed = createServer();
    direct(await listen(closed));
    await new Promise((done) => closed.close(done));
    await expect(get()).rejects.toMatchObject({ code: "ECONNREFUSED", $metadata: { attempts: 4 } });
  });
});

describe("fails at once on", () => {
  test.each([
    ["a failed condition", refuse("ConditionalCheckFailedException"), "ConditionalCheckFailedException"],
    ["an expired session token", refuse("ExpiredTokenException"), "ExpiredTokenException"],
    ["an unknown access key", refuse("UnrecognizedClientException"), "UnrecognizedClientException"],
    ["a wrong secret", refuse("InvalidSignatureException"), "InvalidSignatureException"],
    ["a missing right", refuse("AccessDeniedException"), "AccessDeniedException"],
    ["a 200 that is not JSON", answer(200, "<html>Sign in</html>"), "SyntaxError"],
    ["JSON that ends too early", answer(200, '{"It', { "content-length": "4" }), "SyntaxError"],
  ])("%s", async (_, fault, name) => {
    acts = [fault];
    await expect(get()).rejects.toMatchObject({ name });
    expect(seen).toHaveLength(1);
  });
});

describe("the shared client", () => {
  test("is one for the process", () => expect(Table.client()).toBe(Table.client()));

  test("and the entities can be declared without a region, credentials or a stage", () => {
    const file = JSON.stringify(new URL("image-entity.ts", import.meta.url));
    const code = `const { ImageEntity } = await import(${file});
      process.stdout.write(Object.keys(ImageEntity.schema.indexes).join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      encoding: "utf8",
      env: {},
    });
    expect(stderr).not.toContain("Error");
    expect(stdout).toContain("byID");
  });
});

describe("under the entities", () => {
  const imageID = "img_01KAR5ZJ5V0000000000000000";

  test("a failed condition is distinguished from other errors", async () => {
    const failure = () =>
      ImageEntity.remove({ imageID })
        .go()
        .catch((error: unknown) => error);
    acts = [refuse("ConditionalCheckFailedException")];
    expect(isConditionFailure(await failure())).toBe(true);
    acts = [refuse("AccessDeniedException")];
    expect(isConditionFailure(await failure())).toBe(false);
  });

  test("the unprocessed keys of a batch are requested again until there are none", async () => {
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
