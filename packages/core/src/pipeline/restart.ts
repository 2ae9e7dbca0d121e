/** Releases the leases of workers that ended with their server, and ends its imports. */
export * as Restart from "./restart.ts";

import { Imports } from "../records/imports.ts";
import type { Check } from "../records/message.ts";
import { Protocol } from "../records/protocol.ts";
import { Scan } from "../records/scan.ts";
import type { Settings } from "../settings.ts";
import { carryOut } from "./decision.ts";

/** Far longer than a lease, and longer than an import. */
const aheadMs = 2 * Imports.importMs;

/**
 * Releases every lease, and returns a check for each image whose lease it released. Call it only where no worker can be
 * running: in embedded mode before the workers start, because the data folder has one process at a time. A lease that is
 * released while its worker runs makes that worker's result an orphan. Marks images whose import was in the queue as
 * `failed`: its message, with the caller's headers, ended with the server.
 */
export async function release(settings: Settings.Pipeline): Promise<Check[]> {
  const checks: Check[] = [];
  for await (const { records } of Scan.due(Date.now() + aheadMs)) {
    for (const record of records) {
      const { imageID, owner, key, attempt } = record;
      if (Imports.isImporting(record)) {
        await carryOut({ imageID, owner, record }, settings, (current, context) =>
          Protocol.rules.onImportFailed(current, Imports.interrupted, "reconciler", context),
        );
        continue;
      }
      const { written } = await carryOut({ imageID, owner, record }, settings, (current, context) =>
        Protocol.rules.onOutcome(current, attempt, { is: "interrupted" }, context),
      );
      if (written) checks.push({ kind: "check", key, attempt, by: "reconciler" });
    }
  }
  return checks;
}
