/** What can be done with an image. */
import { type Image, isFinal } from "@image-pipeline/client/client";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { Icon } from "../icons.tsx";
import { tell } from "../live.ts";
import { remove } from "../removal.ts";
import { type Words, wordsOf } from "../words.ts";

export function Actions({ image, name, onRemoved }: { image: Image; name: string; onRemoved: () => void }) {
  const [error, setError] = useState<Words | undefined>(undefined);
  return (
    <section class="do" aria-label="Actions">
      <button
        type="button"
        class="button"
        disabled={!isFinal(image)}
        onClick={() => {
          setError(undefined);
          api.images.reprocess(image.id).then(tell, (cause) => setError(wordsOf(cause)));
        }}
      >
        <Icon name="again" /> Reprocess
      </button>
      <button
        type="button"
        class="button danger"
        onClick={() => {
          remove(image.id, name);
          onRemoved();
        }}
      >
        <Icon name="trash" /> Delete
      </button>
      {error ? (
        <p class="why" role="alert">
          {error.what} {error.help}
        </p>
      ) : null}
    </section>
  );
}
