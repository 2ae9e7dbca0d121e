/**
 * The queues' SQS endpoint, over SQS's JSON protocol: the operations by which the functions send messages, and by
 * which `doctor` and `redrive` count and move dead letters.
 */
import { createHash } from "node:crypto";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import * as v from "valibot";
import { deadLettersOf } from "./environment.ts";
import type { Queue } from "./queue.ts";
import { S3Error } from "./s3/error.ts";
import { parseTarget } from "./s3/request.ts";
import { type Identity, verify } from "./s3/verify-signature.ts";

/** Bytes in a request that SQS accepts. */
const bytesMax = 1_048_576;

const Body = v.pipe(v.string(), v.minLength(1));
const DelaySeconds = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(900)), 0);
const MessageGroupId = v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,128}$/)));
const SendMessage = v.object({ QueueUrl: v.string(), MessageBody: Body, DelaySeconds, MessageGroupId });
const SendMessageBatch = v.object({
  QueueUrl: v.string(),
  Entries: v.pipe(
    v.array(
      v.object({
        Id: v.pipe(v.string(), v.regex(/^[\w-]{1,80}$/)),
        MessageBody: Body,
        DelaySeconds,
        MessageGroupId,
      }),
    ),
    v.minLength(1),
    v.maxLength(10),
    v.check(
      (entries) => new Set(entries.map(({ Id }) => Id)).size === entries.length,
      "Ids must be distinct.",
    ),
  ),
});

const GetQueueAttributes = v.object({ QueueUrl: v.string() });
const MessageMove = v.object({ SourceArn: v.string() });

/**
 * The queue, the path of its URL, its dead-letter queue if it has one, other queues by path, and the key pair that signs
 * requests.
 */
export type Served = {
  path: string;
  queue: Queue;
  deadLetters?: Queue;
  others?: ReadonlyMap<string, Queue>;
  identity: Identity;
};

/** Returns true if a request is for SQS. */
export const isForSqs = ({ headers }: Request): boolean =>
  headers.get("x-amz-target")?.startsWith("AmazonSQS.") ?? false;

/** Creates the endpoint. A request without a right signature is answered with 403. */
export function sqsEndpoint({ path, queue, deadLetters, others, identity }: Served): Hono {
  /** Returns the queue of a URL to which messages are sent. */
  const queueOf = (queueURL: string): Queue => {
    const other = others?.get(pathOf(queueURL) ?? "");
    if (!other) mustBe(path, queueURL);
    return other ?? queue;
  };
  let moved: number | undefined;
  const operations: Record<string, (input: unknown) => object> = {
    SendMessage: (input) => {
      const { QueueUrl, ...message } = v.parse(SendMessage, input);
      return send(queueOf(QueueUrl), message);
    },
    SendMessageBatch: (input) => {
      const { QueueUrl, Entries } = v.parse(SendMessageBatch, input);
      const queue = queueOf(QueueUrl);
      return {
        Successful: Entries.map(({ Id, ...message }) => ({ Id, ...send(queue, message) })),
        Failed: [],
      };
    },
    GetQueueAttributes: (input) => {
      const { QueueUrl } = v.parse(GetQueueAttributes, input);
      const isDeadLetters = deadLetters && pathOf(QueueUrl) === deadLettersOf(path);
      if (!isDeadLetters) mustBe(path, QueueUrl);
      const { waiting, hidden } = (isDeadLetters ? deadLetters : queue).depth();
      return {
        Attributes: {
          ApproximateNumberOfMessages: String(waiting),
          ApproximateNumberOfMessagesNotVisible: String(hidden),
        },
      };
    },
    StartMessageMoveTask: (input) => {
      mustBeDeadLetters(input);
      const messages = deadLetters?.drain() ?? [];
      for (const { body, group } of messages) queue.send(body, { group });
      moved = messages.length;
      return { TaskHandle: "moved" };
    },
    ListMessageMoveTasks: (input) => {
      mustBeDeadLetters(input);
      const Results =
        moved === undefined ? [] : [{ Status: "COMPLETED", ApproximateNumberOfMessagesMoved: moved }];
      return { Results };
    },
  };
  const mustBeDeadLetters = (input: unknown) => {
    const { SourceArn } = v.parse(MessageMove, input);
    const name = deadLettersOf(path).split("/").at(-1);
    if (!deadLetters || SourceArn.split(":").at(-1) !== name)
      throw new Refusal("ResourceNotFoundException", `There is no dead-letter queue ${SourceArn}.`);
  };
  const perform = async (request: Request, body: Buffer): Promise<object> => {
    const { pathname, search } = new URL(request.url);
    const headers = Object.fromEntries([...request.headers].map(([name, value]) => [name, [value]]));
    const signed = { method: request.method, ...parseTarget(pathname + search), headers };
    await verify(signed, identity, Date.now(), createHash("sha256").update(body).digest("hex"));
    const name = request.headers.get("x-amz-target")?.slice("AmazonSQS.".length) ?? "";
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (!operation)
      throw new Refusal("UnsupportedOperation", `NotImplemented: ${name} is not offered here.`, 501);
    return operation(JSON.parse(body.toString()));
  };
  const app = new Hono();
  app.onError((error, c) => {
    const { status, code, message } = refusalOf(error);
    return answer(c, status, { __type: `com.amazonaws.sqs#${code}`, message });
  });
  app.use(
    bodyLimit({
      maxSize: bytesMax,
      onError: (c) => {
        // The rest is not read, so the connection cannot serve another request.
        c.header("connection", "close");
        throw new Refusal("InvalidParameterValue", `A request has at most ${bytesMax} bytes.`);
      },
    }),
  );
  app.all("*", async (c) => answer(c, 200, await perform(c.req.raw, Buffer.from(await c.req.arrayBuffer()))));
  return app;
}

type Sent = { MessageBody: string; DelaySeconds: number; MessageGroupId?: string };

function send(queue: Queue, { MessageBody, DelaySeconds, MessageGroupId }: Sent) {
  const { id } = queue.send(MessageBody, { delayMs: DelaySeconds * 1000, group: MessageGroupId });
  return { MessageId: id, MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex") };
}

const pathOf = (queueURL: string) => (URL.canParse(queueURL) ? new URL(queueURL).pathname : undefined);

function mustBe(path: string, queueURL: string) {
  if (pathOf(queueURL) !== path) throw new Refusal("QueueDoesNotExist", `There is no queue ${queueURL}.`);
}

class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly status: ContentfulStatusCode;

  constructor(code: string, message: string, status: ContentfulStatusCode = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof S3Error)
    return new Refusal(error.code, error.message, error.status as ContentfulStatusCode);
  if (error instanceof SyntaxError || error instanceof v.ValiError)
    return new Refusal("InvalidParameterValue", error.message);
  return new Refusal("InternalFailure", "The queue could not answer.", 500);
}

const answer = (c: Context, status: ContentfulStatusCode, content: object) =>
  c.body(JSON.stringify(content), status, { "content-type": "application/x-amz-json-1.0" });
