/** Conformance of the interpreter: the vectors that an implementation in another language runs as well. */
import { expect, test } from "vitest";
import table from "./machine.json" with { type: "json" };
import { eventOf, holdOf, type Input, type Outcome, type Position, remainingMs, step } from "./machine.ts";
import file from "./vectors.json" with { type: "json" };

type Step = {
  input: Input;
  state?: string;
  actions?: string[];
  attempts?: number;
  delayMs?: [number, number];
  ignored?: boolean;
};
type Vector = { name: string; repeat?: { times: number; steps: Step[] }; steps: Step[] };
const vectors = file.vectors as Vector[];

test.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_name, { repeat, steps }) => {
  let position: Position = { state: "queued", attempts: 0, refusals: 0 };
  const prefix = Array.from({ length: repeat?.times ?? 0 }, () => repeat?.steps ?? []).flat();
  for (const { input } of prefix) position = step(position, input) ?? position;
  for (const { input, state, actions, attempts, delayMs, ignored } of steps) {
    const [low, high] = [step(position, input, 0), step(position, input, 1)];
    if (ignored) {
      expect(low).toBeUndefined();
      continue;
    }
    expect(low).toMatchObject({ state, actions, ...(attempts !== undefined && { attempts }) });
    expect(delayMs && [low?.delayMs, high?.delayMs]).toEqual(delayMs);
    if (low) position = low;
  }
});

test("the vectors pass through every state, and every transition leads to a state that exists", () => {
  const reached = new Set(vectors.flatMap(({ steps }) => steps.map(({ state }) => state)));
  const states = Object.keys(table.states);
  expect(states.filter((state) => !reached.has(state))).toEqual([]);
  for (const transitions of Object.values(table.states)) {
    for (const { to } of Object.values(transitions as Record<string, { to: string }>))
      expect(states).toContain(to);
  }
});

test.each(file.outcomes.map(({ outcome, event }) => [outcome as Outcome, event] as const))(
  "the outcome %o is the event %s",
  (outcome, event) => {
    expect(eventOf(outcome)).toBe(event);
  },
);

test.each(file.holds.map((vector) => [vector.name, vector] as const))(
  "a Retry-After over a restart: %s",
  (_name, { outcome, until, delayMs, restarts }) => {
    const now = file.now;
    const transition = step({ state: "creating", attempts: 0, refusals: 0 }, outcome as Outcome, 0);
    const hold = transition && holdOf(outcome as Outcome, transition, now);
    expect(hold).toEqual(until === undefined ? undefined : { until, delayMs });
    for (const { at, leftMs } of restarts) expect(hold ? remainingMs(hold, at) : 0).toBe(leftMs);
  },
);
