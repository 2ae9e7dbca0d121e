import type { State } from "@image-pipeline/client/uploads";
import { UploadButton, useUploads } from "@image-pipeline/react";
import { uploads } from "./images.ts";

/** Words for the states in which a file waits for something. */
const words: Partial<Record<State, string>> = {
  queued: "in the queue",
  waiting: "trying again soon",
  offline: "waiting for the network",
  failed: "failed",
};

/** Button that queues photos and shows their progress, and the photos that are not uploaded yet. */
export function Queue() {
  const open = useUploads(uploads).filter(({ state }) => state !== "uploaded");
  return (
    <section>
      <UploadButton uploads={uploads} multiple className="button">
        Add photos
      </UploadButton>
      <ul>
        {open.map(({ id, filename, state, sent, total }) => (
          <li key={id}>
            {filename} <small>{words[state] ?? `${Math.round((100 * sent) / total)} %`}</small>{" "}
            {state === "failed" && (
              <button type="button" onClick={() => uploads.dismiss(id)}>
                Dismiss
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
