/** Releases the leases of workers that ended with their server. */
export * as Restart from "./restart.ts";

import type { Check } from "../records/message.ts";
import { Protocol } from "../records/protocol.ts";
import { Scan } from "../records/scan.ts";
import type { Settings } from "../settings.ts";
import { carryOut } from "./decision.ts";

/** Far longer than a lease. */
const dayMs = 86_400_000;

/**
 * Releases every lease, and returns a check for each image whose lease it released. Call it only where no worker can be
 * running: in embedded mode before the workers start, because the data folder has one process at a time. A lease that is
 * released while its worker runs makes that worker's result an orphan.
 */
export async function release(settings: Settings.Pipeline): Promise<Check[]> {
  const checks: Check[] = [];
  for await (const { records } of Scan.due(Date.now() + dayMs)) {
    for (const record of records) {
      const { imageID, owner, key, attempt } = record;
      const { written } = await carryOut({ imageID, owner, record }, settings, (current, context) =>
        Protocol.rules.onOutcome(current, attempt, { is: "interrupted" }, context),
      );
      if (written) checks.push({ kind: "check", key, attempt, by: "reconciler" });
    }
  }
  return checks;
}
