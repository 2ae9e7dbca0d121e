/**
 * IAM on one machine: a proxy in front of the embedded S3, DynamoDB and SQS that forwards only requests that a
 * function's role allows. Records the refused requests and the permissions that were used.
 */
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { allowing, type Deed } from "./rights.ts";

export type Backends = { s3: string; dynamodb: string; sqs: string };
export type Guard = {
  url: string;
  refused: string[];
  used: Set<string>;
  /** Every forwarded request: the operation (for S3, the method) and the body. */
  passed: { operation: string; body: string }[];
  close(): Promise<void>;
};

/** The logical names of the embedded stores, as permissions contain them. */
const resources: Record<string, string> = {
  uploads: "{Uploads}",
  processed: "{Processed}",
  images: "{Images}",
};

/** The logical names of queues other than the processing queue. */
const queues: Record<string, string> = {
  "processing-dead-letters": "{DeadLetters}",
  imports: "{Imports}",
  deliveries: "{Deliveries}",
  "slow-deliveries": "{SlowDeliveries}",
};

/** Starts the proxy of one function. `rights` are its permissions as lines. */
export async function startGuard(rights: readonly string[], backends: Backends): Promise<Guard> {
  const refused: string[] = [];
  const used = new Set<string>();
  const passed: Guard["passed"] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const target = String(request.headers["x-amz-target"] ?? "");
    for (const deed of deedsOf(request, target, body.toString())) {
      const right = allowing(rights, deed);
      if (!right) {
        refused.push(`${deed.action} ${deed.resource} ${deed.leading?.join() ?? ""}`.trim());
        return refuse(response, target);
      }
      used.add(right);
    }
    const operation = target.split(".")[1] ?? `S3 ${request.method}`;
    passed.push({ operation, body: target ? body.toString() : "" });
    const backend = target.startsWith("DynamoDB") ? backends.dynamodb : target ? backends.sqs : backends.s3;
    pass(
      request,
      body,
      backend,
      (status) => {
        if (target || status !== 404) return status;
        // S3 returns 403 instead of 404 to a caller without s3:ListBucket.
        const right = allowing(rights, { action: "s3:ListBucket", resource: bucketOf(request) });
        if (right) used.add(right);
        return right ? status : 403;
      },
      response,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    used,
    passed,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Forwards a request unchanged, including its host, which is signed. */
function pass(
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  backend: string,
  statusOf: (status: number) => number,
  response: ServerResponse,
) {
  const { hostname, port } = new URL(backend);
  const outgoing = forward({ hostname, port, method, path: url, headers }, (incoming) => {
    response.writeHead(statusOf(incoming.statusCode ?? 502), incoming.headers);
    incoming.pipe(response);
  });
  outgoing.on("error", () => response.destroy());
  outgoing.end(body);
}

function deedsOf(request: IncomingMessage, target: string, body: string): Deed[] {
  const operation = target.split(".")[1] ?? "";
  if (target.startsWith("AmazonSQS.")) {
    const { QueueUrl = "" } = JSON.parse(body) as { QueueUrl?: string };
    const name = QueueUrl.split("/").at(-1) ?? "";
    const resource = queues[name] ?? "{Processing}";
    return [{ action: `sqs:${operation.replace(/Batch$/, "")}`, resource }];
  }
  return target ? onTable(operation, JSON.parse(body)) : onBucket(request, body);
}

type Item = { pk?: { S: string } };
type Asked = {
  TableName?: string;
  IndexName?: string;
  Key?: Item;
  Item?: Item;
  KeyConditionExpression?: string;
  ExpressionAttributeValues?: Record<string, { S?: string }>;
  RequestItems?: Record<string, { Keys: Item[] }>;
};

function onTable(operation: string, asked: Asked): Deed[] {
  const action = `dynamodb:${operation}`;
  if (asked.RequestItems) {
    return Object.entries(asked.RequestItems).map(([name, { Keys }]) => ({
      action,
      resource: resources[name] ?? name,
      leading: Keys.flatMap(({ pk }) => (pk ? [pk.S] : [])),
    }));
  }
  const { TableName = "", IndexName, Key, Item, ExpressionAttributeValues = {} } = asked;
  const key = (Key ?? Item)?.pk?.S ?? ExpressionAttributeValues[":pk"]?.S;
  const table = resources[TableName] ?? TableName;
  return [
    {
      action,
      resource: IndexName ? `${table}/index/${IndexName}` : table,
      leading: key === undefined ? [] : [key],
    },
  ];
}

const bucketOf = ({ url = "" }: IncomingMessage) => {
  const [, bucket = ""] = new URL(url, "http://store").pathname.split("/");
  return resources[bucket] ?? bucket;
};

function onBucket(request: IncomingMessage, body: string): Deed[] {
  const { method = "GET", url = "" } = request;
  const { pathname, searchParams: query } = new URL(url, "http://store");
  const bucket = bucketOf(request);
  const key = decodeURIComponent(pathname.split("/").slice(2).join("/"));
  if (key === "" && method === "POST" && !query.has("delete")) {
    const [, field = ""] = /name="key"\r\n\r\n([^\r]*)/.exec(body) ?? [];
    return [{ action: "s3:PutObject", resource: `${bucket}/${field}` }];
  }
  if (key === "" && method === "POST") {
    return [...body.matchAll(/<Key>([^<]*)<\/Key>(<VersionId>)?/g)].map(([, each, version]) => ({
      action: version ? "s3:DeleteObjectVersion" : "s3:DeleteObject",
      resource: `${bucket}/${each}`,
    }));
  }
  if (key === "")
    return [{ action: query.has("versions") ? "s3:ListBucketVersions" : "s3:ListBucket", resource: bucket }];
  const part = query.has("uploadId");
  const actions: Record<string, string> = {
    GET: part ? "s3:ListMultipartUploadParts" : "s3:GetObject",
    HEAD: "s3:GetObject",
    PUT: "s3:PutObject",
    POST: "s3:PutObject",
    DELETE: part ? "s3:AbortMultipartUpload" : "s3:DeleteObject",
  };
  return [{ action: actions[method] ?? method, resource: `${bucket}/${key}` }];
}

function refuse(response: ServerResponse, target: string) {
  const json = { __type: "com.amazonaws.dynamodb.v20120810#AccessDeniedException", message: "Not allowed." };
  response.writeHead(target ? 400 : 403, {
    "content-type": target ? "application/x-amz-json-1.0" : "application/xml",
  });
  response.end(
    target ? JSON.stringify(json) : "<Error><Code>AccessDenied</Code><Message>Not allowed.</Message></Error>",
  );
}
