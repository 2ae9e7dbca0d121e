import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

type Act = (response: ServerResponse) => void;

/** The service's answers in turn, to S3 and SQS alike. */
let acts: Act[];
let seen: string[];
let Queue: typeof import("./queue.ts");
let Presign: typeof import("./presign.ts");

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  seen.push(String(headers["x-amz-target"] ?? `${method} ${url}`));
  request.resume().on("end", () => acts.shift()?.(response));
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // `sst` reads these when it is loaded.
  process.env.SST_RESOURCE_Processing = JSON.stringify({ url: `${url}/1/processing` });
  process.env.SST_RESOURCE_Deliveries = JSON.stringify({ url: `${url}/1/deliveries` });
  process.env.SST_RESOURCE_DeadLetters = JSON.stringify({ url: `${url}/1/dead` });
  process.env.SST_RESOURCE_Uploads = JSON.stringify({ name: "uploads", url: `${url}/uploads` });
  Queue = await import("./queue.ts");
  Presign = await import("./presign.ts");
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  seen = [];
});

const json =
  (body: object): Act =>
  (response) =>
    response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
const reset: Act = (response) => void response.socket?.resetAndDestroy();
const check = { key: "a/img_1", attempt: 1, by: "api" };

test("a check is sent although one connection is reset", async () => {
  acts = [reset, json({ Successful: [], Failed: [] })];
  await Queue.send([check]);
  expect(seen).toEqual(["AmazonSQS.SendMessageBatch", "AmazonSQS.SendMessageBatch"]);
});

test("an original is deleted although one connection is reset", async () => {
  acts = [reset, (response) => response.writeHead(204).end()];
  await Presign.removeOriginal("a/img_1");
  expect(seen).toEqual(["DELETE /uploads/a/img_1", "DELETE /uploads/a/img_1"]);
});

test("a deletion that S3 refuses is not repeated", async () => {
  acts = [(response) => response.writeHead(403).end("<Code>AccessDenied</Code>")];
  await expect(Presign.removeOriginal("a/img_1")).rejects.toThrow(/a\/img_1: 403 .*AccessDenied/);
  expect(seen).toHaveLength(1);
});

test("a message that SQS refuses is an error that says why", async () => {
  acts = [json({ Failed: [{ Id: "0", Code: "InvalidParameter", Message: "No.", SenderFault: true }] })];
  await expect(Queue.send([check])).rejects.toThrow("SQS refused 1 of 1 messages: InvalidParameter, No.");
  expect(seen).toHaveLength(1);
});

test("of a batch, only the messages that SQS could not accept are sent again, three times at most", async () => {
  const failed = json({ Failed: [{ Id: "1", Code: "InternalError", Message: "No.", SenderFault: false }] });
  acts = [failed, json({})];
  await Queue.send([check, { ...check, key: "second" }]);
  expect(seen).toHaveLength(2);
  acts = [failed, failed, failed, failed];
  await expect(Queue.send([check, check])).rejects.toThrow("InternalError");
  expect(seen).toHaveLength(6);
});

test("a redrive yields its progress until it is done", async () => {
  const task = (Status: string, moved: number) =>
    json({
      Results: [{ Status, ApproximateNumberOfMessagesMoved: moved, ApproximateNumberOfMessagesToMove: 3 }],
    });
  acts = [json({ TaskHandle: "h" }), task("RUNNING", 1), task("COMPLETED", 3)];
  const progress = [];
  for await (const each of Queue.redrive()) progress.push(each);
  expect(progress).toEqual([
    { moved: 1, total: 3, done: false },
    { moved: 3, total: 3, done: true },
  ]);
});

test.each([
  ["without a task", { Results: [] }, "no redrive task for arn:aws:sqs:us-east-1:1:dead"],
  ["without a reason", { Results: [{ Status: "FAILED" }] }, "SQS gave no reason"],
  [
    "with its reason",
    { Results: [{ Status: "FAILED", FailureReason: "AccessDenied" }] },
    "failed: AccessDenied",
  ],
])("a redrive that fails %s says so in words", async (_, answer, message) => {
  acts = [json({ TaskHandle: "h" }), json(answer)];
  const failure = await Queue.redrive()
    .next()
    .catch((error: Error) => error.message);
  expect(failure).toContain(message);
  expect(failure).not.toContain("undefined");
});
