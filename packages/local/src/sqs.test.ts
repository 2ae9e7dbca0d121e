import { AwsClient } from "aws4fetch";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { closeServer, createFetchServer, listen } from "./listen.ts";
import { type Queue, startQueue } from "./queue.ts";
import { isForSqs, sqsEndpoint } from "./sqs.ts";

const path = "/000000000000/processing";
const identity = {
  accessKeyId: "local",
  secretAccessKey: "local-secret",
  region: "us-east-1",
  service: "sqs",
};
const sent: { body: string; delayMs?: number; group?: string }[] = [];

/** A queue that delivers no messages, so that tests can inspect its content. */
const stopped = (name: string) =>
  startQueue({
    name,
    region: "us-east-1",
    concurrency: 0,
    visibilityTimeoutMs: 1,
    consume: async () => undefined,
  });
let inner: Queue;
let deadLetters: Queue;
let endpoint: ReturnType<typeof sqsEndpoint>;

const server = createFetchServer((request) =>
  isForSqs(request) ? endpoint.fetch(request) : new Response("not for SQS"),
);
let url: string;

beforeAll(async () => {
  url = await listen(server, 0);
});
afterAll(() => closeServer(server, 100));

beforeEach(() => {
  sent.length = 0;
  inner = stopped("processing");
  deadLetters = stopped("processing-dead-letters");
  const send: Queue["send"] = (body, options) => {
    sent.push({ body, ...options });
    return inner.send(body, options);
  };
  endpoint = sqsEndpoint({ path, queue: { ...inner, send }, deadLetters, identity });
});

afterEach(async () => {
  await inner.stop();
});

async function call(operation: string, input: unknown, key: Partial<typeof identity> = {}) {
  const aws = new AwsClient({ ...identity, ...key, retries: 0 });
  const response = await aws.fetch(url, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${operation}` },
    body: typeof input === "string" ? input : JSON.stringify(input),
  });
  return { status: response.status, answer: await response.json() };
}

const QueueUrl = `http://127.0.0.1:3000${path}`;
const entry = (Id: string) => ({ Id, MessageBody: `body ${Id}` });

test("takes a message with its group, and says under which id and with which MD5", async () => {
  const MessageGroupId = "owner";
  const { status, answer } = await call("SendMessage", {
    QueueUrl,
    MessageBody: "hello",
    DelaySeconds: 3,
    MessageGroupId,
  });
  expect(status).toBe(200);
  expect(answer).toEqual({
    MessageId: expect.any(String),
    MD5OfMessageBody: "5d41402abc4b2a76b9719d911017c592",
  });
  expect(sent).toEqual([{ body: "hello", delayMs: 3_000, group: "owner" }]);
});

test("takes a batch of ten, and answers for each by its own id", async () => {
  const Entries = Array.from({ length: 10 }, (_, index) => entry(`e-${index}`));
  const { status, answer } = await call("SendMessageBatch", { QueueUrl, Entries });
  expect(status).toBe(200);
  expect(answer.Failed).toEqual([]);
  expect(answer.Successful.map(({ Id }: { Id: string }) => Id)).toEqual(Entries.map(({ Id }) => Id));
  expect(sent.map(({ body }) => body)).toEqual(Entries.map(({ MessageBody }) => MessageBody));
});

test("says how many messages wait and how many are hidden, for the queue and for its dead letters", async () => {
  inner.send("a");
  inner.send("b");
  inner.send("later", { delayMs: 60_000 });
  deadLetters.send("dead");
  const attributes = async (suffix: string) =>
    (await call("GetQueueAttributes", { QueueUrl: QueueUrl + suffix, AttributeNames: ["All"] })).answer
      .Attributes;
  const shape = (waiting: string, hidden: string) => ({
    ApproximateNumberOfMessages: waiting,
    ApproximateNumberOfMessagesNotVisible: hidden,
  });
  expect(await attributes("")).toEqual(shape("2", "1"));
  expect(await attributes("-dead-letters")).toEqual(shape("1", "0"));
});

test("moves dead letters back", async () => {
  deadLetters.send("dead");
  const SourceArn = "arn:aws:sqs:us-east-1:000000000000:processing-dead-letters";
  expect((await call("StartMessageMoveTask", { SourceArn })).status).toBe(200);
  expect(sent.map(({ body }) => body)).toEqual(["dead"]);
  expect(deadLetters.depth()).toEqual({ waiting: 0, hidden: 0 });
  expect((await call("ListMessageMoveTasks", { SourceArn })).answer.Results).toEqual([
    { Status: "COMPLETED", ApproximateNumberOfMessagesMoved: 1 },
  ]);
});

describe("refuses, and queues nothing of", () => {
  test.each<[string, string, unknown, number, string]>([
    [
      "another queue's message",
      "SendMessage",
      { QueueUrl: "http://x/1/other", MessageBody: "a" },
      400,
      "QueueDoesNotExist",
    ],
    ["an empty body", "SendMessage", { QueueUrl, MessageBody: "" }, 400, "InvalidParameterValue"],
    [
      "a delay over 15 minutes",
      "SendMessage",
      { QueueUrl, MessageBody: "a", DelaySeconds: 901 },
      400,
      "InvalidParameterValue",
    ],
    ["what is not JSON", "SendMessage", "{", 400, "InvalidParameterValue"],
    ["an empty batch", "SendMessageBatch", { QueueUrl, Entries: [] }, 400, "InvalidParameterValue"],
    [
      "a batch of eleven",
      "SendMessageBatch",
      { QueueUrl, Entries: [..."abcdefghijk"].map(entry) },
      400,
      "InvalidParameterValue",
    ],
    [
      "a batch with an id twice",
      "SendMessageBatch",
      { QueueUrl, Entries: [entry("a"), entry("a")] },
      400,
      "InvalidParameterValue",
    ],
    [
      "more than a megabyte",
      "SendMessage",
      { QueueUrl, MessageBody: "a".repeat(1_048_577) },
      400,
      "InvalidParameterValue",
    ],
    ["any other operation", "ReceiveMessage", { QueueUrl }, 501, "UnsupportedOperation"],
    ["a name that every object has", "constructor", { QueueUrl }, 501, "UnsupportedOperation"],
  ])("%s", async (_, operation, input, status, code) => {
    const { status: got, answer } = await call(operation, input);
    expect([got, answer.__type]).toEqual([status, `com.amazonaws.sqs#${code}`]);
    expect(sent).toEqual([]);
  });

  test.each<[string, Partial<typeof identity>, string]>([
    ["a wrong secret", { secretAccessKey: "other" }, "SignatureDoesNotMatch"],
    ["an unknown key", { accessKeyId: "other" }, "InvalidAccessKeyId"],
    ["a signature for another service", { service: "s3" }, "AuthorizationHeaderMalformed"],
  ])("a request with %s", async (_, key, code) => {
    const { status, answer } = await call("SendMessage", { QueueUrl, MessageBody: "a" }, key);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(answer.__type).toBe(`com.amazonaws.sqs#${code}`);
    expect(sent).toEqual([]);
  });

  test("a request without a signature", async () => {
    const headers = { "x-amz-target": "AmazonSQS.SendMessage" };
    const body = JSON.stringify({ QueueUrl, MessageBody: "a" });
    const response = await fetch(url, { method: "POST", headers, body });
    expect(response.status).toBe(403);
    expect(sent).toEqual([]);
  });

  test("a body that was changed after it was signed", async () => {
    const signed = await new AwsClient(identity).sign(url, {
      method: "POST",
      headers: { "x-amz-target": "AmazonSQS.SendMessage" },
      body: JSON.stringify({ QueueUrl, MessageBody: "a" }),
    });
    const body = JSON.stringify({ QueueUrl, MessageBody: "b" });
    const response = await fetch(url, { method: "POST", headers: signed.headers, body });
    expect(response.status).toBe(403);
    expect(sent).toEqual([]);
  });
});

test("leaves requests without its header to others", async () => {
  expect(await (await fetch(url, { method: "POST" })).text()).toBe("not for SQS");
});
