/** How far a number of uploads are, and the lines that show it. */
import { size } from "./show.ts";
import { bar, dim, fit, green, printable, red, spinner } from "./terminal.ts";

/** One file under way. Bytes; `sent` is what the network took. */
export type Transfer = {
  readonly name: string;
  state: "waiting" | "uploading" | "processing" | "ready" | "failed" | "cancelled";
  sent: number;
  total: number;
};

/** The state of all files, with a line for each that is under way and one for the whole. */
export function createTransfers(names: readonly string[]) {
  const began = Date.now();
  const all = names.map((name): Transfer => ({ name: printable(name), state: "waiting", sent: 0, total: 0 }));
  const count = (state: Transfer["state"]) => all.filter((transfer) => transfer.state === state).length;

  /** `12 of 40 · 2 failed · 31 MB, 14 MB/s` */
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

  const lines = (width: number): string[] => {
    const active = all.filter(({ state }) => state === "uploading" || state === "processing");
    const shown = active.map((transfer) => lineOf(transfer, width - 1));
    return all.length > 1 ? [...shown, total()] : shown;
  };

  return { all, lines, total };
}

/** Below so many columns, a line keeps to what matters most. */
const narrow = 60;

function lineOf({ name, state, sent, total }: Transfer, width: number): string {
  const nameWidth = Math.max(8, Math.min(32, Math.floor(width / 3)));
  const head = `${spinner()} ${fit(name, nameWidth)} `;
  if (state === "processing")
    return head + dim(width < narrow ? "processing" : "sent; waiting for its variants");
  const share = total > 0 ? sent / total : 0;
  const bytes = width < narrow ? "" : `  ${size(sent)} of ${size(total)}`.padEnd(22);
  const figures = `${Math.floor(share * 100)}%`.padStart(5) + bytes;
  return head + bar(share, Math.max(4, width - nameWidth - figures.length - 3)) + figures;
}
