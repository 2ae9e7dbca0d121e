/**
 * A client for DynamoDB's JSON protocol: signs, sends and tries again. AWS's own would be half of the API's bundle.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
import * as http from "node:http";
import * as https from "node:https";
import { Aws } from "../aws/aws.ts";
import { signPost } from "../aws/sigv4.ts";
import { type AttributeMap, marshal, unmarshal } from "./attribute-value.ts";

/** An answer other than 200. `name` is DynamoDB's own, such as `ConditionalCheckFailedException`. */
export class DynamodbError extends Error {
  override readonly name: string;
  readonly status: number;

  constructor(name: string, message: string, status: number) {
    super(message || name);
    this.name = name;
    this.status = status;
  }
}

/** How often a request is sent at most. */
const triesMax = 5;

/** The longest pause before a second try, doubled with each further one up to `pauseMsMax`; throttled, from the second on. */
const pauseMs = 50;
const throttledMs = 200;
const pauseMsMax = 2_000;

/** Clocks may differ by so much before AWS refuses what they sign; https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html */
const skewMsMax = 5 * 60_000;

/** Sent again as they are these may succeed; https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html */
const throttles = new Set([
  "ThrottlingException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
]);
const passing = new Set(["InternalServerError", "ServiceUnavailableException", "RequestTimeoutException"]);

/** What AWS says of a signature whose time is wrong. */
const untimely = new Set(["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"]);

/** What differs from one operation to another, as far as it is looked at here. Plain values, as marshalled ones. */
type Fields<T> = {
  [name: string]: unknown;
  Key?: T;
  Item?: T;
  Items?: T[];
  Attributes?: T;
  ExpressionAttributeValues?: T;
  ExclusiveStartKey?: T;
  LastEvaluatedKey?: T;
  RequestItems?: Record<string, { Keys: T[] }>;
  UnprocessedKeys?: Record<string, { Keys: T[] }>;
  Responses?: Record<string, T[]>;
};

/** A request and an answer in plain values. */
export type Plain = Fields<Record<string, unknown>>;

/** The same as they are sent and received. */
export type Wire = Fields<AttributeMap>;

/**
 * A client that lives as long as the process, so that connections are kept. A try takes at most `tryMs`: DynamoDB
 * answers within a few milliseconds, so that what has not come by then is lost. Two such losses still leave the API
 * a third of its 30 seconds; and a machine that is merely busy, as embedded mode's may be, is not taken for a dead one.
 */
export function createClient({ tryMs = 10_000 } = {}) {
  const agents = {
    "http:": new http.Agent({ keepAlive: true }),
    "https:": new https.Agent({ keepAlive: true }),
  };
  /** How far AWS's clock is ahead of this machine's; 0 until it complains. */
  let aheadMs = 0;

  const client = {
    /**
     * Carries an operation out, however many tries it takes. After a try whose answer was lost, a condition may fail
     * because that very try was applied. Throws `DynamodbError`, or what the last try met on the network.
     */
    async call(operation: string, input: Plain): Promise<Plain> {
      const wire = toWire(input);
      for (let tries = 1; ; tries++) {
        try {
          return fromWire(await client.attempt(operation, wire));
        } catch (error) {
          if (tries >= triesMax || !mayPass(error)) throw error;
          await pause(tries, isThrottle(error) ? throttledMs : pauseMs);
        }
      }
    },

    /** One try. */
    async attempt(operation: string, input: Wire): Promise<Wire> {
      const url = endpoint();
      const body = JSON.stringify(input);
      const headers = {
        host: url.host,
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `DynamoDB_20120810.${operation}`,
      };
      const post = { headers, body, service: "dynamodb", region: Aws.region() };
      const signed = signPost(post, await Aws.credentials(), Date.now() + aheadMs);
      const answer = await send(url, signed, body, {
        agent: agents[url.protocol as keyof typeof agents],
        signal: AbortSignal.timeout(tryMs),
      });
      const wire = answer.status === 200 ? parse(answer.text) : undefined;
      if (wire) return wire as Wire;
      const error = errorOf(answer);
      if (untimely.has(error.name)) {
        const ahead = Date.parse(answer.date ?? "") - Date.now();
        // Only a clock that was wrong is worth another try: otherwise it is the key that is.
        if (Math.abs(ahead - aheadMs) > skewMsMax) {
          aheadMs = ahead;
          throw new DynamodbError("RequestTimeoutException", error.message, answer.status);
        }
      }
      throw error;
    },
  };
  return client;
}

/** Waits a random time, longer with each of `tries`, so that those who were refused together do not come back together. */
export const pause = (tries: number, baseMs = throttledMs): Promise<void> =>
  sleep(Math.random() * Math.min(pauseMsMax, baseMs * 2 ** (tries - 1)));

/** Where DynamoDB is: in this process's region, or where `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL` says. */
function endpoint(): URL {
  const { AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL } = process.env;
  const other = AWS_ENDPOINT_URL_DYNAMODB || AWS_ENDPOINT_URL;
  if (other) return new URL(other);
  const region = Aws.region();
  return new URL(`https://dynamodb.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`);
}

type Answer = { status: number; date: string | undefined; text: string };

function send(
  url: URL,
  headers: Record<string, string>,
  body: string,
  given: Pick<http.RequestOptions, "agent" | "signal">,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { request } = url.protocol === "https:" ? https : http;
  const length = { "content-length": Buffer.byteLength(body) };
  const options = { ...given, method: "POST", headers: { ...headers, ...length } };
  const sent = request(url, options, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk) => chunks.push(chunk));
    // An answer that breaks off, or that is cut off by `signal`.
    response.on("error", reject);
    response.on("end", () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, date: headers.date, text: Buffer.concat(chunks).toString() });
    });
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

function errorOf({ status, text }: Answer): DynamodbError {
  const { __type = "", message, Message } = (parse(text) ?? {}) as Record<string, string>;
  const name = __type.slice(__type.lastIndexOf("#") + 1);
  if (name) return new DynamodbError(name, message ?? Message ?? "", status);
  // Something between here and DynamoDB answered in its place.
  return new DynamodbError("UnexpectedAnswer", `DynamoDB answered ${status}: ${text.slice(0, 200)}`, status);
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the same request may do better. What Node says of the network, such as `ECONNRESET`, always may pass. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof DynamodbError))
    return error instanceof Error && "code" in error && !(error instanceof TypeError);
  return error.status >= 500 || isThrottle(error) || passing.has(error.name);
}

const isThrottle = (error: unknown) =>
  error instanceof DynamodbError && (throttles.has(error.name) || error.status === 429);

// Not node:timers/promises: tests put a clock of their own in the global's place.
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function toWire({
  Key,
  Item,
  ExpressionAttributeValues,
  ExclusiveStartKey,
  RequestItems,
  ...rest
}: Plain): Wire {
  const wire = rest as Wire;
  if (Key) wire.Key = marshal(Key);
  if (Item) wire.Item = marshal(Item);
  if (ExpressionAttributeValues) wire.ExpressionAttributeValues = marshal(ExpressionAttributeValues);
  if (ExclusiveStartKey) wire.ExclusiveStartKey = marshal(ExclusiveStartKey);
  if (RequestItems) wire.RequestItems = keysOf(RequestItems, marshal);
  return wire;
}

function fromWire({
  Item,
  Items,
  Attributes,
  LastEvaluatedKey,
  UnprocessedKeys,
  Responses,
  ...rest
}: Wire): Plain {
  const plain = rest as Plain;
  if (Item) plain.Item = unmarshal(Item);
  if (Items) plain.Items = Items.map(unmarshal);
  if (Attributes) plain.Attributes = unmarshal(Attributes);
  if (LastEvaluatedKey) plain.LastEvaluatedKey = unmarshal(LastEvaluatedKey);
  if (UnprocessedKeys) plain.UnprocessedKeys = keysOf(UnprocessedKeys, unmarshal);
  if (Responses) plain.Responses = mapValues(Responses, (items) => items.map(unmarshal));
  return plain;
}

const keysOf = <A, B>(tables: Record<string, { Keys: A[] }>, change: (key: A) => B) =>
  mapValues(tables, ({ Keys, ...rest }) => ({ ...rest, Keys: Keys.map(change) }));

const mapValues = <A, B>(object: Record<string, A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
