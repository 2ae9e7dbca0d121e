/** Once before the tests of `infra/`: SST's platform code is there, and every stage has been evaluated with it. */
import { evaluate } from "./graph.ts";
import { ensureInstalled } from "./install.ts";
import { bundle } from "./platform.ts";
import { stages } from "./stages.ts";

export default async function setup(): Promise<void> {
  ensureInstalled();
  await bundle();
  // Two at a time: each is a process that uses a core for some seconds.
  const queue = Object.values(stages).values();
  const worker = async () => {
    for (const stage of queue) await evaluate(stage);
  };
  await Promise.all([worker(), worker()]);
}
