/** The state of a number of uploads, and the lines that show it. */
import { basename } from "node:path";
import cliTruncate from "cli-truncate";
import { dim, fit, green, printable, red, size } from "./format.ts";
import { bar, spinner } from "./progress.ts";

/** One file to upload. `sent` and `total` in bytes. */
export type Transfer = {
  readonly path: string;
  state: "waiting" | "uploading" | "processing" | "ready" | "failed" | "cancelled";
  sent: number;
  total: number;
};

/** Tracks the uploads of these files. `lines` has one line for each active upload, and the total of several. */
export function createTransfers(paths: readonly string[]) {
  const began = Date.now();
  const all = paths.map((path): Transfer => ({ path, state: "waiting", sent: 0, total: 0 }));
  const count = (state: Transfer["state"]) => all.filter((transfer) => transfer.state === state).length;

  /** `12 of 40 ready · 2 failed · 31 MB sent, 14 MB/s` */
  const total = () => {
    const sent = all.reduce((sum, transfer) => sum + transfer.sent, 0);
    const [ready, failed, cancelled] = [count("ready"), count("failed"), count("cancelled")];
    return [
      green(`${ready} of ${all.length} ready`),
      ...(failed ? [red(`${failed} failed`)] : []),
      ...(cancelled ? [`${cancelled} cancelled`] : []),
      dim(`${size(sent)} sent, ${size((sent * 1000) / Math.max(1, Date.now() - began))}/s`),
    ].join(dim(" · "));
  };

  const lines = (width: number): string[] =>
    [
      ...all.filter(({ state }) => state === "uploading" || state === "processing").map(lineOf),
      ...(all.length > 1 ? [total()] : []),
    ].map((line) => cliTruncate(line, width));

  return { all, lines, total };
}

/** Ordered by importance: a narrow terminal cuts the end of the line. */
function lineOf({ path, state, sent, total }: Transfer): string {
  const head = `${spinner()} ${fit(printable(basename(path)), 26)} `;
  if (state === "processing") return head + dim("sent; waiting for its variants");
  const share = total > 0 ? sent / total : 0;
  return `${head}${`${Math.floor(share * 100)}%`.padStart(4)} ${bar(share, 20)}  ${size(sent)} of ${size(total)}`;
}
