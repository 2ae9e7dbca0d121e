/**
 * A deployment on one machine: runs each bundle that SST would upload in a child process with only the links and the
 * permissions of its stage, on the embedded S3, DynamoDB and queue.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { SQSBatchResponse } from "aws-lambda";
import type { Internet } from "../../packages/core/src/egress/fixture-internet.ts";
import {
  deadLettersOf,
  deliveriesOf,
  importsOf,
  names,
  slowDeliveriesOf,
} from "../../packages/local/src/environment.ts";
import { closeServer, createFetchServer, listen } from "../../packages/local/src/listen.ts";
import { startQueue } from "../../packages/local/src/queue.ts";
import { type Runtime, startRuntime } from "../../packages/local/src/runtime.ts";
import { eventRecord } from "../../packages/local/src/s3/event.ts";
import { sqsEndpoint } from "../../packages/local/src/sqs.ts";
import { openBuckets, openTable } from "../../packages/local/src/stores.ts";
import { callFunction } from "./function-url.ts";
import { argsOf, type Graph } from "./graph.ts";
import { type Guard, startGuard } from "./iam.ts";
import { bundleFunction } from "./lambda-bundle.ts";
import type { Recipe } from "./platform.ts";
import { rightsOf } from "./rights.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const queuePath = `/123456789012/${names.queue}`;

/** The functions that the embedded cloud can run. */
const functions = ["Api", "Processor", "Importer", "DeadLetter", "Reconciler", "Renderer", "Sender"] as const;
type Name = (typeof functions)[number];

/** `guards` have the permissions that were used; `settled` resolves when no message is left. */
export type Deployment = {
  url: string;
  s3Url: string;
  dynamodbUrl: string;
  guards: Record<Name, Guard>;
  invoke(name: Name, event: unknown): Promise<unknown>;
  send(body: object): void;
  settled(): Promise<void>;
  stop(): Promise<void>;
};

/** Bundles a stage's functions with its recipe and starts them, with further variables for some of them. */
export async function deploy(
  graph: Graph,
  recipe: Recipe = "product",
  variables: Partial<Record<Name, Record<string, string>>> = {},
): Promise<Deployment> {
  const dataDir = await mkdtemp(join(tmpdir(), "deployed-"));
  const runtimes = {} as Record<Name, Runtime>;
  const queue = startQueue({
    name: names.queue,
    region,
    concurrency: 1,
    visibilityTimeoutMs: 30_000,
    consume: async (event) => (await runtimes.Processor.invoke(event)) as SQSBatchResponse,
  });
  const stores = {
    dataDir,
    s3Port: 0,
    dynamodbPort: 0,
    region,
    credentials,
    endpoints: {},
    corsOrigins: [],
    onEvent: (event: Parameters<typeof eventRecord>[0]) => {
      if (event.bucket === names.uploads)
        queue.send(JSON.stringify({ Records: [eventRecord(event, region)] }));
    },
  };
  const deadLetters = startQueue({
    name: "dead-letters",
    region,
    concurrency: 1,
    visibilityTimeoutMs: 30_000,
    consume: async (event) => (await runtimes.DeadLetter.invoke(event)) as SQSBatchResponse,
  });
  const imports = startQueue({
    name: "imports",
    region,
    concurrency: 1,
    visibilityTimeoutMs: 30_000,
    consume: async (event) => (await runtimes.Importer.invoke(event)) as SQSBatchResponse,
  });
  const table = await openTable(stores);
  const buckets = await openBuckets(stores);
  const startDeliveries = (name: string) =>
    startQueue({
      name,
      region,
      concurrency: 1,
      visibilityTimeoutMs: 30_000,
      consume: async (event) => (await runtimes.Sender.invoke(event)) as SQSBatchResponse,
    });
  const deliveries = startDeliveries("deliveries");
  const slowDeliveries = startDeliveries("slow-deliveries");
  const others = new Map([
    [importsOf(queuePath), imports],
    [deliveriesOf(queuePath), deliveries],
    [slowDeliveriesOf(queuePath), slowDeliveries],
  ]);
  const identity = { ...credentials, region, service: "sqs" };
  const sqs = createFetchServer(sqsEndpoint({ path: queuePath, queue, deadLetters, others, identity }).fetch);
  const backends = { s3: buckets.url, dynamodb: table.url, sqs: await listen(sqs, 0) };

  const guards = {} as Record<Name, Guard>;
  const { current } = graph.links.OriginSecret as { current: string };
  const api = createFetchServer((request) => {
    // As the router forwards it.
    const sent = new Request(request);
    sent.headers.set("x-origin-secret", current);
    return callFunction((event) => runtimes.Api.invoke(event), sent);
  });
  const url = await listen(api, 0);
  for (const name of functions) {
    const build = graph.builds.find(({ functionID }) => functionID === name);
    if (!build && name === "Renderer") continue;
    if (!build) throw new Error(`The stage has no function ${name}.`);
    const { environment } = argsOf(graph, /lambda\/function:/, `${name}Function`);
    // The renderer has it as a variable, because the distribution depends on the function, and the bucket's link on the distribution.
    const isServed = environment.variables.SST_RESOURCE_Processed !== undefined;
    const guard = await startGuard(rightsOf(graph, name), backends);
    guards[name] = guard;
    runtimes[name] = startRuntime({
      name,
      module: pathToFileURL((await bundleFunction(build, recipe)).file),
      region,
      workers: 1,
      // The reconciler stops a minute before its timeout: here after each page. The next run continues from there.
      timeoutSeconds: 60,
      memoryMB: 1024,
      env: {
        ...environmentOf({ ...build.links, ...(isServed && { Processed: {} }) }, url, guard.url),
        ...variables[name],
      },
    });
  }
  return {
    url,
    s3Url: buckets.url,
    dynamodbUrl: table.url,
    guards,
    invoke: (name, event) => runtimes[name].invoke(event),
    send: (body) => void queue.send(JSON.stringify(body)),
    settled: () => queue.idle(),
    async stop() {
      await Promise.all([
        queue.stop(),
        imports.stop(),
        deadLetters.stop(),
        deliveries.stop(),
        slowDeliveries.stop(),
      ]);
      await Promise.all(Object.values(runtimes).map((runtime) => runtime.close(2_000)));
      await Promise.all([api, sqs].map((server) => closeServer(server, 0)));
      await Promise.all(Object.values(guards).map((guard) => guard.close()));
      await Promise.all([table.close(), buckets.close()]);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * Returns variables by which a function reaches one server of this machine instead of the internet: `securePort` of the
 * server, and its certificate.
 */
export async function onInternet({ securePort, network }: Internet): Promise<Record<string, string>> {
  const certificate = join(await mkdtemp(join(tmpdir(), "certificate-")), "certificate.pem");
  await writeFile(certificate, network.ca);
  return {
    PUBLIC_PORT: String(securePort),
    NODE_EXTRA_CA_CERTS: certificate,
    NODE_OPTIONS: `--import=${new URL("preload-internet.ts", import.meta.url)}`,
  };
}

/** Returns the environment of a function: only its links, with local URLs. */
function environmentOf(links: Graph["links"], url: string, guard: string): NodeJS.ProcessEnv {
  const here: Graph["links"] = {
    Uploads: { name: names.uploads, url: `${guard}/${names.uploads}` },
    Processed: { name: names.processed },
    Images: { name: names.table },
    Processing: { url: guard + queuePath },
    Imports: { url: guard + importsOf(queuePath) },
    DeadLetters: { url: guard + deadLettersOf(queuePath) },
    Deliveries: { url: guard + deliveriesOf(queuePath) },
    SlowDeliveries: { url: guard + slowDeliveriesOf(queuePath) },
    Router: { url },
    Settings: { ...links.Settings, anonymous: true },
  };
  const resources = Object.keys(links).map((name) => [name, here[name] ?? links[name]]);
  return {
    PATH: process.env.PATH,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: guard,
    AWS_ENDPOINT_URL_DYNAMODB: guard,
    POWERTOOLS_LOG_LEVEL: "SILENT",
    SST_RESOURCE_App: JSON.stringify({ name: "image-pipeline", stage: "dev" }),
    ...Object.fromEntries(resources.map(([name, value]) => [`SST_RESOURCE_${name}`, JSON.stringify(value)])),
  };
}
