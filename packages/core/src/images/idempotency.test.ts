import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { VisibleError } from "../error.ts";
import type { Idempotency as Module } from "./idempotency.ts";

let Idempotency: typeof Module;
let table: Server;
/** The idempotency table's row, in DynamoDB's JSON. */
let row: Record<string, unknown> | undefined;
/** The operations that the table has received since the test began, and those that it refuses. */
let operations: string[];
let refused: string[];

type Input = {
  Item?: typeof row;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, object>;
};

/** A DynamoDB of one row: a put or an update that has a condition succeeds only if the row is as it demands. */
function answer(operation: string, input: Input) {
  if (refused.includes(operation)) return refusal("ValidationException");
  switch (operation) {
    case "GetItem":
      return [200, row ? { Item: row } : {}];
    case "PutItem":
      if (row) return refusal("ConditionalCheckFailedException");
      row = input.Item;
      return [200, {}];
    case "UpdateItem": {
      const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = input;
      if (!row || !JSON.stringify(values).includes(JSON.stringify(row.claimID)))
        return refusal("ConditionalCheckFailedException");
      for (const [, name = "", value = ""] of input.UpdateExpression?.matchAll(/(#\w+) = (:\w+)/g) ?? [])
        row = { ...row, [names[name] ?? name]: values[value] };
      return [200, {}];
    }
    default:
      row = undefined;
      return [200, {}];
  }
}
// One that no client repeats by itself.
const refusal = (name: string) => [
  400,
  { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "No." },
];

beforeAll(async () => {
  table = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const operation = String(request.headers["x-amz-target"]).replace(/^.*\./, "");
    operations.push(operation);
    const [status, body] = answer(operation, JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(Number(status), { "content-type": "application/x-amz-json-1.0" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => table.listen(0, "127.0.0.1", listening));
  const { port } = table.address() as AddressInfo;
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", `http://127.0.0.1:${port}`);
  ({ Idempotency } = await import("./idempotency.ts"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  table.closeAllConnections();
  table.close();
});

let runs: number;
let key = 0;
beforeEach(() => {
  [row, operations, refused, runs] = [undefined, [], [], 0];
  key++;
});

const send = (request = "POST /images {}", owner = "default") =>
  Idempotency.once({ owner, key: `k${key}`, request }, async () => ({ id: `img_${++runs}` }));

test("a run whose response could not be stored does not run again: the retry stores and returns it", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  await expect(send()).rejects.toThrow("No.");
  refused = [];
  expect([await send(), await send()]).toEqual([{ id: "img_1" }, { id: "img_1" }]);
  expect(runs).toBe(1);
  expect(operations).toEqual(["PutItem", "UpdateItem", "UpdateItem", "UpdateItem", "PutItem", "GetItem"]);
});

test("its claim stays, so that another process does not run it either", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  vi.resetModules();
  const { Idempotency: elsewhere } = await import("./idempotency.ts");
  const again = elsewhere.once(
    { owner: "default", key: `k${key}`, request: "POST /images {}" },
    async () => ({
      id: `img_${++runs}`,
    }),
  );
  await expect(again).rejects.toThrow(expect.objectContaining({ code: "request_in_progress" }));
  expect(runs).toBe(1);
});

test("its key is refused for another request", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  await expect(send("POST /images {2}")).rejects.toThrow(
    expect.objectContaining({ code: "idempotency_key_reused" }),
  );
  expect(runs).toBe(1);
});

test("its response is forgotten with the key, after a day", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  [refused, row] = [[], undefined];
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 86_500_000 });
  expect(await send("POST /images {2}").finally(() => vi.useRealTimers())).toEqual({ id: "img_2" });
});

test("where another process has taken the claim over, its response is the one that is returned", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  refused = [];
  row = { ...row, claimID: { S: "another" }, answer: { M: { id: { S: "img_theirs" } } } };
  expect(await send()).toEqual({ id: "img_theirs" });
  expect(runs).toBe(1);
});

test("a run that refuses the request releases the key, so that the request may be sent again, corrected", async () => {
  const refuse = Idempotency.once(
    { owner: "default", key: `k${key}`, request: "POST /images {}" },
    async () => {
      throw new VisibleError("quota_exceeded", "Tomorrow.");
    },
  );
  await expect(refuse).rejects.toThrow("Tomorrow.");
  expect(row).toBeUndefined();
  expect(await send("POST /images {2}")).toEqual({ id: "img_1" });
});

describe("a later run has the id of the first one, which its claim held before it began,", () => {
  const request = () => ({ owner: "default", key: `k${key}`, request: "POST /images {}" });
  const seen: string[] = [];
  beforeEach(() => void seen.splice(0));
  const run = async (workID: string) => {
    expect(row).toMatchObject({ workID: { S: workID } });
    seen.push(workID);
    return { id: workID };
  };
  /** Another process, once the lease has ended. */
  const elsewhere = async () => {
    vi.resetModules();
    const { Idempotency } = await import("./idempotency.ts");
    vi.setSystemTime(Date.now() + 61_000);
    return Idempotency.once(request(), run);
  };
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());

  test.each([
    ["that threw", new Error("S3 is down")],
    ["whose image was deleted meanwhile", new VisibleError("image_not_found", "It was deleted.")],
  ])("after a run %s, at once", async (_, error) => {
    const fail = Idempotency.once(request(), async (workID) => {
      seen.push(workID);
      throw error;
    });
    await expect(fail).rejects.toThrow(error.message);
    const { id } = await Idempotency.once(request(), run);
    expect(seen).toEqual([id, id]);
  });

  test("after a crash", async () => {
    void Idempotency.once(request(), (workID) => {
      seen.push(workID);
      return new Promise<{ id: string }>(() => {});
    });
    await expect.poll(() => seen).toHaveLength(1);
    const { id } = await elsewhere();
    expect(seen).toEqual([id, id]);
  });

  test("after a response that could not be stored", async () => {
    refused = ["UpdateItem"];
    await expect(Idempotency.once(request(), run)).rejects.toThrow("No.");
    refused = [];
    const { id } = await elsewhere();
    expect(seen).toEqual([id, id]);
  });
});

test("the oldest of a hundred responses that could not be stored makes room for the next", async () => {
  refused = ["UpdateItem"];
  for (let i = 0; i <= 100; i++) {
    row = undefined;
    await expect(send(undefined, `owner${i}`)).rejects.toThrow("No.");
  }
  [operations, refused] = [[], []];
  await expect(send(undefined, "owner0")).rejects.toThrow(
    expect.objectContaining({ code: "request_in_progress" }),
  );
  expect(operations).toEqual(["PutItem", "GetItem"]);
});
