/** Fault profiles, and fault injection at the product's own clients: S3, DynamoDB and signed `fetch`. */
import { currentJob, type Fault, gate, type Job } from "./scheduler.ts";
import { requestHandler } from "./transport.ts";

/** The share of notifications that are lost, and whether the API and the reconciler take part. */
export type Profile = { lost: number; api: boolean; reconciler: boolean };

/** `calm` has only events, all of which arrive. `crowd` is the profile of the storm and the races. */
export const profiles = {
  calm: { lost: 0, api: false, reconciler: false },
  rough: { lost: 0.05, api: true, reconciler: true },
  storm: { lost: 0.3, api: true, reconciler: true },
  full: { lost: 0, api: true, reconciler: true },
  crowd: { lost: 0.05, api: false, reconciler: true },
} as const satisfies Record<string, Profile>;

type Share = [fault: Fault, share: number];
const deaths: Share[] = [
  ["time out after", 0.01],
  ["die before", 0.002],
  ["die after", 0.002],
];
const shares = {
  s3: [["fail", 0.02], ...deaths],
  dynamodb: [["throttle", 0.02], ...deaths],
} satisfies Record<string, Share[]>;

/** Draws the fault of a job's next request in a crowd: 2 % fail or are throttled, 1 % time out, 0.4 % kill. */
export function drawFault(job: Job, random: () => number): Fault {
  const isStorage = job.gates.some(({ label }) => /Object/.test(label));
  let dice = random();
  for (const [fault, share] of shares[isStorage ? "s3" : "dynamodb"]) {
    if (dice < share) return fault;
    dice -= share;
  }
  return "none";
}

/** A request that took effect, even if its sender never learned of it. */
export type Applied = { operation: string; input: object; job: Job | undefined };

/** A request to a broken service. `entity` is the ElectroDB entity of its item, `job` the name of the job. */
export type Asked = { operation: string; entity?: string; job?: string };

/**
 * A broken service: carries a request out without its condition, only after it has answered, or not at all.
 * Undefined: as it should be.
 */
export type Broken = (asked: Asked) => "unconditionally" | "late" | "never" | undefined;

/**
 * Receives each request that took effect, before its sender does, and returns the services that are down. `lagging` returns
 * the output of a query in place of the table's; undefined: the table's.
 */
export type Wire = {
  applied(applied: Applied): Promise<void>;
  lagging?(input: object): object | undefined;
  broken: Broken | undefined;
};

type Input = Record<string, unknown>;

/** An SDK client of the product. */
export type Client = {
  config: { systemClockOffset: number; requestHandler: object };
  middlewareStack: {
    add(middleware: AnyMiddleware, options: { step: "initialize"; name: string }): void;
    addRelativeTo(
      middleware: AnyMiddleware,
      options: { relation: "after"; toMiddleware: string; name: string },
    ): void;
  };
};

type AnyMiddleware = <Args extends { input: object }, Answer>(
  next: (args: Args) => Promise<Answer>,
  context: { commandName?: string },
) => (args: Args) => Promise<Answer>;

/** Puts a gate before every request of the product's clients and of `fetch`. For the life of the process. */
export function injectFaults(clients: readonly Client[], wire: () => Wire): void {
  for (const client of clients) gateClient(client, wire);
  const realFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    const operation = request.headers.get("x-amz-target")?.split(".")[1] ?? request.method;
    if (wire().broken?.({ operation, job: currentJob()?.name }) === "never")
      return Promise.resolve(Response.json({}));
    return gate(`${request.method} ${request.url}`, () => realFetch(request), spoilFetch);
  };
}

function gateClient({ config, middlewareStack }: Client, wire: () => Wire): void {
  config.requestHandler = requestHandler;
  const withoutConditions: AnyMiddleware = (next, context) => (args) => {
    const isBroken = brokenBy(wire, context, args.input) === "unconditionally";
    return next(isBroken ? { ...args, input: unconditional(args.input) } : args);
  };
  middlewareStack.add(withoutConditions, { step: "initialize", name: "withoutConditions" });
  const gated: AnyMiddleware = (next, context) => (args) => {
    const operation = operationOf(context);
    const job = currentJob();
    const perform = async () => {
      // The servers date their answers in real time, by which the SDK would correct its clock.
      config.systemClockOffset = 0;
      const answer = await next(args);
      await wire().applied({ operation, input: args.input, job });
      const output = operation === "Query" ? wire().lagging?.(args.input) : undefined;
      return output
        ? ({ ...(answer as object), output: { ...output, $metadata: {} } } as typeof answer)
        : answer;
    };
    const broken = brokenBy(wire, context, args.input);
    const sent =
      broken === "never" ? undefined : gate(`${operation} ${subjectOf(args.input)}`, perform, spoilClient);
    if (sent && broken !== "late") return sent;
    sent?.catch(() => {});
    return Promise.resolve({ output: { $metadata: {} }, response: {} } as Awaited<
      ReturnType<typeof perform>
    >);
  };
  // Inside the client's own retries, so that each attempt is a request.
  middlewareStack.addRelativeTo(gated, { relation: "after", toMiddleware: "retryMiddleware", name: "gate" });
}

const brokenBy = (wire: () => Wire, context: { commandName?: string }, input: object) =>
  wire().broken?.({ operation: operationOf(context), entity: entityOf(input), job: currentJob()?.name });

const operationOf = ({ commandName }: { commandName?: string }) =>
  String(commandName).replace(/Command$/, "");

type Trouble = Exclude<Fault, "none">;

async function spoilClient(fault: Trouble): Promise<never> {
  if (fault === "throttle")
    throw Object.assign(new Error("Slow down."), { name: "ThrottlingException", $metadata: {} });
  if (fault === "time out after")
    throw Object.assign(new Error("No answer came in time."), { name: "TimeoutError", $metadata: {} });
  throw Object.assign(new Error(`Injected: ${fault}.`), { name: "InjectedError", $metadata: {} });
}

async function spoilFetch(fault: Trouble): Promise<Response> {
  if (fault === "throttle" || fault === "time out after") return new Response("Slow down.", { status: 503 });
  throw new TypeError(`Injected: ${fault}.`);
}

/** Enough of a request to distinguish it from concurrent ones. */
function subjectOf(input: object): string {
  const { Key, Item, Bucket } = input as Input;
  const subject = Key ?? Item ?? Bucket ?? "";
  if (typeof subject === "string") return subject;
  const { pk, sk } = subject as Input;
  return `${textOf(pk)} ${textOf(sk)}`;
}

/** The entity of the item that a request writes, or that its key names (`$tag_1#…`). */
function entityOf(input: object): string | undefined {
  const { Item, Key } = input as { Item?: Input; Key?: Input };
  return textOf(Item?.__edb_e__) ?? /^\$(\w+?)_\d/.exec(textOf(Key?.sk) ?? "")?.[1];
}

/** A string attribute, before or after it was marshalled. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : (value as { S?: string } | undefined)?.S;

/** The input without its condition, and without the names and values that only the condition uses. */
function unconditional<Sent extends object>(input: Sent): Sent {
  const { IfMatch, ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues, ...rest } =
    input as Input;
  return rest as Sent;
}
