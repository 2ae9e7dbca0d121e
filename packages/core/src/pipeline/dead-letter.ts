/** What happens to a signal that the queue has given up on. Apart from the pipeline, so that it needs no engine. */
export * as DeadLetter from "./dead-letter.ts";

import type { Signal } from "../records/message.ts";
import { Protocol } from "../records/protocol.ts";
import { read, write } from "../records/record.ts";
import type { Settings } from "../settings.ts";
import { purge } from "./cleanup.ts";
import { contextOf, find, type Report, triesMax } from "./subject.ts";

/** Takes the queue's word that it has given up on a signal. */
export async function giveUp(
  signal: Signal,
  letter: { receives: number; reason: string },
  settings: Settings.Pipeline,
): Promise<Report> {
  const { imageID, owner, record: found } = await find(signal.key);
  for (let tries = 0, record = found; tries < triesMax; tries++, record = await read(imageID)) {
    const decision = Protocol.onDeadLetter(record, signal, letter, contextOf(imageID, owner, settings));
    if (decision.do === "acknowledge" || decision.do === "retry") {
      return { acknowledge: decision.do === "acknowledge", imageID, did: decision.why };
    }
    const written = await write(record, decision.draft, decision.entry);
    if (!written) continue;
    await purge(written);
    return { acknowledge: true, imageID, did: `wrote ${written.status}` };
  }
  throw new Error(`${imageID} is being written by too many at once; the queue will try again.`);
}
