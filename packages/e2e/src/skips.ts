/** A vitest reporter that counts the skipped tests by reason. With NO_SKIPS=1 they fail the run. */
import type { Reporter, TestCase } from "vitest/node";

/** Reads the reason out of a title such as `in Chromium (needs chromium: apt-get install chromium) > uploads`. */
const reasonOf = ({ fullName }: TestCase) =>
  /\((needs [^)]+)\)/.exec(fullName)?.[1] ?? `no reason: ${fullName}`;

/** Lists skipped tests at the end of a run, unless its command line selects tests by name. */
export function skips(env: NodeJS.ProcessEnv = process.env): Reporter {
  let isFiltered = false;
  return {
    onInit(vitest) {
      isFiltered = vitest.config.testNamePattern !== undefined;
    },
    onTestRunEnd(modules) {
      const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")]);
      if (isFiltered || skipped.length === 0) return;
      const lines = [...Map.groupBy(skipped, reasonOf)].map(
        ([reason, tests]) => `  ${tests.length} × ${reason}`,
      );
      process.stderr.write(`\n${skipped.length} tests were skipped:\n${lines.join("\n")}\n`);
      if (!env.NO_SKIPS) return;
      process.stderr.write("NO_SKIPS is set, so this run fails.\n");
      process.exitCode = 1;
    },
  };
}
