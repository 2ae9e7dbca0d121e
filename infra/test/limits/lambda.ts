/** Limits of Lambda: functions and event source mappings. */
import { type Graph, resourcesOf } from "../graph.ts";
import { bytes, docs, given, type Inputs, type Limit } from "./limit.ts";

const lambda = `${docs}/lambda/latest/dg/gettingstarted-limits.html`;
const mapping = `${docs}/lambda/latest/api/API_CreateEventSourceMapping.html`;

const fn = /lambda\/function:/;

export const lambdaLimits: Limit[] = [
  {
    what: "name",
    type: fn,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/lambda/latest/api/API_CreateFunction.html`,
  },
  {
    what: "bytes of the environment",
    type: fn,
    measure: ({ environment }) => bytes(JSON.stringify(environment?.variables ?? {})),
    most: 4_096,
    source: lambda,
  },
  {
    what: "memory, MB",
    type: fn,
    measure: ({ memorySize }) => [memorySize],
    least: 128,
    most: 10_240,
    source: lambda,
  },
  {
    what: "timeout, seconds",
    type: fn,
    measure: ({ timeout }) => [timeout],
    least: 1,
    most: 900,
    source: lambda,
  },
  { what: "layers", type: fn, measure: ({ layers = [] }) => [layers.length], most: 5, source: lambda },
  {
    what: "characters of the description",
    type: fn,
    measure: ({ description = "" }) => [description.length],
    most: 256,
    source: `${docs}/lambda/latest/api/API_CreateFunction.html`,
  },
  {
    what: "messages a batch without a batching window",
    type: /eventSourceMapping:Event/,
    measure: ({ batchSize, maximumBatchingWindowInSeconds: window }) => (window ? [] : given(batchSize)),
    least: 1,
    most: 10,
    source: mapping,
  },
  {
    what: "batching window, seconds",
    type: /eventSourceMapping:Event/,
    measure: ({ maximumBatchingWindowInSeconds: window }) => given(window),
    most: 300,
    source: mapping,
  },
  {
    what: "messages a batch with a batching window",
    type: /eventSourceMapping:Event/,
    measure: ({ batchSize }) => given(batchSize),
    least: 1,
    most: 10_000,
    source: mapping,
  },
  {
    what: "maximum concurrency",
    type: /eventSourceMapping:Event/,
    measure: ({ scalingConfig }) => given(scalingConfig?.maximumConcurrency),
    least: 2,
    most: 1_000,
    source: mapping,
  },
  {
    what: "seconds by which the function's timeout exceeds the queue's visibility timeout",
    type: /eventSourceMapping:Event/,
    measure: (inputs, graph) => [excess(inputs, graph)],
    least: -43_200,
    most: 0,
    source: `${docs}/lambda/latest/dg/services-sqs-configure.html`,
  },
];

/** Lambda refuses to poll a queue whose messages would be visible again before the function times out. */
function excess({ eventSourceArn, functionName }: Inputs, graph: Graph): number {
  const queueName = eventSourceArn.split(":").at(-1);
  const consumer = resourcesOf(graph, fn).find(({ inputs }) => functionName.endsWith(inputs.name));
  const source = resourcesOf(graph, /sqs\/queue:/).find(({ inputs }) => inputs.name === queueName);
  return consumer?.inputs.timeout - source?.inputs.visibilityTimeoutSeconds;
}
