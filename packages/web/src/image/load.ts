/** Loads an image and its audit trail and keeps them up to date. */
import { type Event, type Image, isFinal } from "@image-pipeline/client";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api, isReachable } from "../api.ts";
import { publish, subscribe } from "../live.ts";
import { token } from "../sign-in.tsx";

/** Signals of `useImage`. */
export type Loaded = {
  image: Signal<Image | undefined>;
  events: Signal<readonly Event[] | undefined>;
  /** Error of the last request for the image. */
  error: Signal<unknown>;
};

/** Loads an image when its id changes, when the server is reachable again, and after a sign-in. */
export function useImage(id: string): Loaded {
  const image = useSignal<Image | undefined>(undefined);
  const events = useSignal<readonly Event[] | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const isBack = isReachable.value;
  const who = token.value;

  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    if (image.peek()?.id !== id) {
      image.value = undefined;
      events.value = undefined;
    }
    error.value = undefined;
    const fail = (cause: unknown) => {
      if (!signal.aborted) error.value = cause;
    };
    const unsubscribe = subscribe({
      onImage: (changed) => {
        if (changed.id !== id || changed.version === image.peek()?.version) return;
        image.value = changed;
        // A failed request for the trail is repeated with the next change.
        api.images.events(id, { signal }).then(
          (trail) => {
            events.value = trail;
          },
          () => undefined,
        );
      },
      onDeleted: (deleted) => {
        if (deleted === id) api.images.get(id, { signal }).catch(fail);
      },
      unfinished: () => {
        const shown = image.peek();
        return shown && !isFinal(shown) ? [id] : [];
      },
    });
    api.images.get(id, { signal }).then(publish, fail);
    return () => {
      unsubscribe();
      stopped.abort(new DOMException("The image was replaced.", "AbortError"));
    };
  }, [id, isBack, who]);
  return { image, events, error };
}
