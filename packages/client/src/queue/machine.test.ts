/** Conformance of the interpreter: the vectors that an implementation in another language runs as well. */
import { expect, test } from "vitest";
import table from "./machine.json" with { type: "json" };
import { eventOf, type Input, type Position, remainingMs, step } from "./machine.ts";
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

test.each([
  [{ from: "api", status: 403, code: "forbidden" }, "refused"],
  [{ from: "api", status: 400, code: "invalid_request" }, "refused"],
  [{ from: "api", status: 409, code: "request_in_progress" }, "transient"],
  [{ from: "api", status: 409, code: "image_not_ready" }, "transient"],
  [{ from: "api", status: 502, isJson: false }, "transient"],
  [{ from: "s3", status: 400 }, "refused"],
  [{ from: "s3", status: 503 }, "transient"],
] as const)("the outcome %o is the event %s", (outcome, event) => {
  expect(eventOf(outcome)).toBe(event);
});

test.each([
  ["the clock went on", 4000, 6000],
  ["the delay is over", 60_000, 0],
  ["the clock was put back: not longer than the delay", -86_400_000, 10_000],
] as const)("after a restart, what is left of a Retry-After if %s", (_name, passedMs, left) => {
  expect(remainingMs({ until: 1_000_000 + 10_000, delayMs: 10_000 }, 1_000_000 + passedMs)).toBe(left);
});
