/** The commands that work on a stage itself and load core. */
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { backfill } from "./backfill.ts";
import { doctor } from "./doctor.ts";
import { exportation } from "./export.ts";
import { importation } from "./import.ts";
import { key } from "./key.ts";
import { redrive } from "./redrive.ts";
import { reprocess } from "./reprocess.ts";

export const operations: CommandUnknownOpts[] = [
  doctor,
  backfill,
  reprocess,
  redrive,
  exportation,
  importation,
  key,
];
