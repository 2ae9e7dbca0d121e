/** Sending images through the pipeline again, several at a time. */
import { VisibleError } from "@image-pipeline/core/error";
import type { Turn } from "./pace.ts";
import { eachOf } from "./pieces.ts";

/** An image that was not sent, and why. */
export type Refused = { id: string; message: string };

const atOnce = 8;

/**
 * Marks each of these images as asked for by `by` and sends it. `sent` counts them; what is gone or being worked on is
 * in `refused`, with its reason. `isComplete: false`: interrupted before the end. Faults of the stage are thrown.
 */
export async function resend(
  ids: readonly string[],
  by: string,
  turn: Turn,
): Promise<{ sent: number; refused: Refused[]; isComplete: boolean }> {
  const { Image } = await import("@image-pipeline/core/images/image");
  const refused: Refused[] = [];
  let sent = 0;
  const isComplete = await eachOf(ids, atOnce, async (id) => {
    if (!(await turn(1))) return false;
    try {
      await Image.reprocess({ id, by });
      sent++;
    } catch (error) {
      if (!(error instanceof VisibleError)) throw error;
      refused.push({ id, message: error.message });
    }
    return true;
  });
  return { sent, refused, isComplete };
}
