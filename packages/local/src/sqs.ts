/**
 * The SQS operations by which our own functions send to the processing queue, and operators look into it and move
 * its dead letters back, over SQS's JSON protocol.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import * as v from "valibot";
import { readBody } from "./body.ts";
import { deadLettersOf } from "./environment.ts";
import type { Queue } from "./queue.ts";
import { type Identity, parseTarget, SignatureError, verify } from "./sigv4.ts";

/** What SQS takes in one request. */
const bytesMax = 1_048_576;

const Body = v.pipe(v.string(), v.minLength(1));
const DelaySeconds = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(900)), 0);
const SendMessage = v.object({ QueueUrl: v.string(), MessageBody: Body, DelaySeconds });
const SendMessageBatch = v.object({
  QueueUrl: v.string(),
  Entries: v.pipe(
    v.array(v.object({ Id: v.pipe(v.string(), v.regex(/^[\w-]{1,80}$/)), MessageBody: Body, DelaySeconds })),
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

/** The queue's path and the queue; `deadLetters` where it has some. */
export type Served = { path: string; queue: Queue; deadLetters?: Queue; identity: Identity };

/** Whether a request is meant for SQS rather than for whoever else listens on the same port. */
export const isForSqs = (request: IncomingMessage): boolean =>
  String(request.headers["x-amz-target"] ?? "").startsWith("AmazonSQS.");

/** Answers requests for one queue, which is known by the path of its URL. Every request must be signed. */
export function sqsEndpoint({ path, queue, deadLetters, identity }: Served) {
  let moved: number | undefined;
  const operations: Record<string, (input: unknown) => object> = {
    SendMessage: (input) => {
      const { QueueUrl, ...message } = v.parse(SendMessage, input);
      mustBe(path, QueueUrl);
      return send(queue, message);
    },
    SendMessageBatch: (input) => {
      const { QueueUrl, Entries } = v.parse(SendMessageBatch, input);
      mustBe(path, QueueUrl);
      return {
        Successful: Entries.map(({ Id, ...message }) => ({ Id, ...send(queue, message) })),
        Failed: [],
      };
    },
    GetQueueAttributes: (input) => {
      const { QueueUrl } = v.parse(GetQueueAttributes, input);
      const isDead = deadLetters && pathOf(QueueUrl) === deadLettersOf(path);
      if (!isDead) mustBe(path, QueueUrl);
      const { waiting, hidden } = (isDead ? deadLetters : queue).depth();
      return {
        Attributes: {
          ApproximateNumberOfMessages: String(waiting),
          ApproximateNumberOfMessagesNotVisible: String(hidden),
        },
      };
    },
    StartMessageMoveTask: (input) => {
      mustBeDead(input);
      const messages = deadLetters?.drain() ?? [];
      for (const { body } of messages) queue.send(body);
      moved = messages.length;
      return { TaskHandle: "moved" };
    },
    ListMessageMoveTasks: (input) => {
      mustBeDead(input);
      const Results =
        moved === undefined ? [] : [{ Status: "COMPLETED", ApproximateNumberOfMessagesMoved: moved }];
      return { Results };
    },
  };
  const mustBeDead = (input: unknown) => {
    const { SourceArn } = v.parse(MessageMove, input);
    const name = deadLettersOf(path).split("/").at(-1);
    if (!deadLetters || SourceArn.split(":").at(-1) !== name)
      throw new Refusal("ResourceNotFoundException", `There are no dead letters ${SourceArn}.`);
  };
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const body = await readBody(request, bytesMax);
      if (!body) throw new Refusal("InvalidParameterValue", `A request may have ${bytesMax} bytes.`);
      const { method = "", url = "", headersDistinct: headers } = request;
      const hash = createHash("sha256").update(body).digest("hex");
      await verify({ method, ...parseTarget(url), headers }, identity, Date.now(), hash);
      const name = String(request.headers["x-amz-target"]).slice("AmazonSQS.".length);
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (!operation) {
        throw new Refusal("UnsupportedOperation", `NotImplemented: ${name} is not offered here.`, 501);
      }
      answer(response, 200, operation(JSON.parse(body.toString())));
    } catch (error) {
      const refusal = refusalOf(error);
      answer(response, refusal.status, {
        __type: `com.amazonaws.sqs#${refusal.code}`,
        message: refusal.message,
      });
    }
  };
}

function send(queue: Queue, { MessageBody, DelaySeconds }: { MessageBody: string; DelaySeconds: number }) {
  const { id } = queue.send(MessageBody, DelaySeconds * 1000);
  return { MessageId: id, MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex") };
}

const pathOf = (queueURL: string) => (URL.canParse(queueURL) ? new URL(queueURL).pathname : undefined);

function mustBe(path: string, queueURL: string) {
  if (pathOf(queueURL) !== path) throw new Refusal("QueueDoesNotExist", `There is no queue ${queueURL}.`);
}

class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof SignatureError) return new Refusal(error.code, error.message, error.status);
  if (error instanceof SyntaxError || error instanceof v.ValiError)
    return new Refusal("InvalidParameterValue", error.message);
  return new Refusal("InternalFailure", "The queue could not answer.", 500);
}

function answer(response: ServerResponse, status: number, content: object) {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(content));
}
