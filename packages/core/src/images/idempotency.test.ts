import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Idempotency as Module } from "./idempotency.ts";

let Idempotency: typeof Module;
let table: Server;
/** The idempotency table's row, in DynamoDB's JSON. */
let row: Record<string, unknown> | undefined;
/** The operations that the table has received since the test began, and those that it refuses. */
let operations: string[];
let refused: string[];

/** A DynamoDB of one row: a put or an update that has a condition succeeds only if the row is as it demands. */
function answer(operation: string, input: { Item?: typeof row; ExpressionAttributeValues?: object }) {
  if (refused.includes(operation)) return refusal("ValidationException");
  switch (operation) {
    case "GetItem":
      return [200, row ? { Item: row } : {}];
    case "PutItem":
      if (row) return refusal("ConditionalCheckFailedException");
      row = input.Item;
      return [200, {}];
    case "UpdateItem": {
      const values = Object.values(input.ExpressionAttributeValues ?? {});
      if (!row || !JSON.stringify(values).includes(JSON.stringify(row.claimID)))
        return refusal("ConditionalCheckFailedException");
      row = { ...row, answer: values.find((value) => "M" in value) };
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

test("where another process has taken the claim over, its response is the one that is returned", async () => {
  refused = ["UpdateItem"];
  await expect(send()).rejects.toThrow("No.");
  refused = [];
  row = { ...row, claimID: { S: "another" }, answer: { M: { id: { S: "img_theirs" } } } };
  expect(await send()).toEqual({ id: "img_theirs" });
  expect(runs).toBe(1);
});

test("a run that throws releases its claim, so that the request may be sent again", async () => {
  const fail = Idempotency.once(
    { owner: "default", key: `k${key}`, request: "POST /images {}" },
    async () => {
      throw new Error("quota");
    },
  );
  await expect(fail).rejects.toThrow("quota");
  expect(row).toBeUndefined();
  expect(await send()).toEqual({ id: "img_1" });
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
