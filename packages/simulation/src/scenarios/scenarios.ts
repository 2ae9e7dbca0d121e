/**
 * One scenario for each rule of the protocol: a schedule that the product passes, and that it fails without the rule.
 * A mutant that no scenario notices would be a rule without a purpose, or a blind spot of the invariants.
 */
import { Outgoing } from "@image-pipeline/core/records/outgoing";
import { Protocol } from "@image-pipeline/core/records/protocol";
import { Stored } from "@image-pipeline/core/records/stored";
import { command } from "../commands.ts";
import { type Broken, profiles } from "../faults.ts";
import type { Schedule, Simulation } from "../simulation.ts";
import { copies } from "./copies.ts";
import { deletion } from "./deletion.ts";
import { lists } from "./lists.ts";
import { processing } from "./processing.ts";
import { requests } from "./requests.ts";
import type { Scenario } from "./steps.ts";
import { trash } from "./trash.ts";
import { webhooks } from "./webhooks.ts";

/** By the name of the mutant. */
export const scenarios: Record<string, Scenario> = {
  ...processing,
  ...deletion,
  ...trash,
  ...lists,
  ...requests,
  ...webhooks,
  ...copies,
};

/** A scenario as a schedule of one command. */
const scheduleOf = ({ title, fates = [[0]], play }: Scenario): Schedule => ({
  fates,
  skews: [0],
  commands: [command(title, play)],
});

/** Plays a scenario on the product as it is. Returns the violations, if any. */
export async function playScenario(simulation: Simulation, scenario: Scenario): Promise<string | undefined> {
  return play(simulation, scenario);
}

/** Plays a scenario without its rule. Returns the violations that it causes; undefined if the mutant survives. */
export async function playMutant(simulation: Simulation, scenario: Scenario): Promise<string | undefined> {
  const real = { ...Protocol.rules };
  const outgoing = { ...Outgoing.rules };
  const stored = { ...Stored.rules };
  Object.assign(Protocol.rules, scenario.without.rules);
  Object.assign(Outgoing.rules, scenario.without.outgoing);
  Object.assign(Stored.rules, scenario.without.stored);
  try {
    return await play(simulation, scenario, scenario.without.broken);
  } finally {
    Object.assign(Protocol.rules, real);
    Object.assign(Outgoing.rules, outgoing);
    Object.assign(Stored.rules, stored);
  }
}

async function play(
  simulation: Simulation,
  scenario: Scenario,
  broken?: Broken,
): Promise<string | undefined> {
  const { profile = profiles.calm } = scenario;
  try {
    await simulation.play(profile, [scheduleOf(scenario)], { broken });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
