/** Interpreter of the state machine in `machine.json`: pure, so that clients in other languages can share the table. */
import table from "./machine.json" with { type: "json" };

/** State of a queued upload. `uploaded`, `failed`, `cancelled` and `dismissed` need no further work. */
export type State = keyof typeof table.states;

/** Side effect that the queue performs after a transition. */
export type Action =
  | "abort"
  | "backoff"
  | "create"
  | "dropTicket"
  | "forget"
  | "releaseFile"
  | "remove"
  | "renewKey"
  | "report"
  | "resetAttempts"
  | "send";

/**
 * Result of one request, reduced to the fields by which `outcomes` of the table selects an event. `isJson` is false for
 * a response of the API that is no object of the API, such as a captive portal's HTML. `isForeign` is the same for S3.
 */
export type Outcome = {
  from: "api" | "s3" | "network" | "file";
  status?: number;
  code?: string;
  hasUpload?: boolean;
  isJson?: boolean;
  isForeign?: boolean;
  retryAfterSeconds?: number;
};

/** Input of the machine: an event by name, or the outcome of a request. */
export type Input = string | Outcome;

/**
 * The part of an upload that the machine reads and writes. `attempts` counts failed attempts, `refusals` the successive
 * events among them that the table limits.
 */
export type Position = { state: State; attempts: number; refusals: number };

/** Transition: the new position, the actions in order, and the delay of the action `backoff` in milliseconds. */
export type Transition = Position & { event: string; actions: readonly Action[]; delayMs?: number };

type Rule = {
  from: string;
  event: string;
  status?: number[];
  code?: string[];
  hasUpload?: boolean;
  isJson?: boolean;
  isForeign?: boolean;
};

/** Returns the event of an outcome: that of the first matching rule. */
export function eventOf(outcome: Outcome): string {
  const rule = (table.outcomes as Rule[]).find(
    ({ from, status, code, hasUpload, isJson, isForeign }) =>
      from === outcome.from &&
      (!status || status.includes(outcome.status ?? 0)) &&
      (!code || code.includes(outcome.code ?? "")) &&
      (hasUpload === undefined || hasUpload === (outcome.hasUpload ?? false)) &&
      (isJson === undefined || isJson === (outcome.isJson ?? true)) &&
      (isForeign === undefined || isForeign === (outcome.isForeign ?? false)),
  );
  return rule?.event ?? "transient";
}

/**
 * Returns the transition of an upload at `position` on `input`, or undefined if the state ignores the event. `random`
 * is a number from 0 to 1 for the jitter: a delay is between half and all of the exponential backoff, and a longer
 * `Retry-After` replaces it.
 */
export function step(
  { state, attempts, refusals }: Position,
  input: Input,
  random: number = Math.random(),
): Transition | undefined {
  const reported = typeof input === "string" ? input : eventOf(input);
  const limit = (table.limits as Record<string, number>)[reported];
  const event = limit !== undefined && refusals + 1 >= limit ? "refused" : reported;
  const transitions: Record<string, { to: string; actions: string[] } | undefined> = table.states[state];
  const found = transitions[event];
  if (!found) return undefined;
  const actions = found.actions as Action[];
  const to = found.to as State;
  const isBackoff = actions.includes("backoff");
  const isFresh = to === "uploaded" || actions.includes("resetAttempts");
  return {
    state: to,
    event,
    attempts: isFresh ? 0 : attempts + (isBackoff ? 1 : 0),
    refusals: isFresh ? 0 : limit !== undefined ? refusals + 1 : isBackoff ? 0 : refusals,
    actions,
    ...(isBackoff && { delayMs: delayOf(attempts, typeof input === "string" ? undefined : input, random) }),
  };
}

/** Delay of a `Retry-After`, to be stored: `until` in milliseconds since 1970 by the device's clock. */
export type Hold = { until: number; delayMs: number };

/** Returns the delay to store after a transition: that of an outcome with `Retry-After`, at `now` in milliseconds. */
export function holdOf(input: Input, { delayMs }: Transition, now: number): Hold | undefined {
  if (typeof input === "string" || !input.retryAfterSeconds || delayMs === undefined) return undefined;
  return { until: now + delayMs, delayMs };
}

/**
 * Returns the milliseconds that are left of a delay after a restart. A clock that was put back cannot extend it beyond
 * `delayMs`; one that was put forward costs a request that the API refuses again.
 */
export function remainingMs({ until, delayMs }: Hold, now: number = Date.now()): number {
  return Math.min(Math.max(until - now, 0), delayMs);
}

function delayOf(attempts: number, outcome: Outcome | undefined, random: number): number {
  const { baseMs, maxMs, retryAfterMaxMs } = table.backoff;
  const pause = Math.min(baseMs * 2 ** attempts, maxMs) * (0.5 + random / 2);
  return Math.max(pause, Math.min((outcome?.retryAfterSeconds ?? 0) * 1000, retryAfterMaxMs));
}
