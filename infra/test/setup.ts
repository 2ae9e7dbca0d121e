/** Runs once before the tests of `infra/`: installs SST's platform code and evaluates every stage with it. */
import { evaluate } from "./graph.ts";
import { ensureInstalled } from "./install.ts";
import { bundle, recipes } from "./platform.ts";
import { longest, stages } from "./stages.ts";

export default async function setup(): Promise<void> {
  ensureInstalled();
  for (const recipe of recipes) await bundle(recipe);
  // Two at a time: each is a process that uses a core for some seconds.
  const queue = [...Object.values(stages), longest].values();
  const worker = async () => {
    for (const stage of queue) await evaluate(stage);
  };
  await Promise.all([worker(), worker()]);
}
