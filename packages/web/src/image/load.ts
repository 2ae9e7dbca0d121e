/** One image with its audit trail, kept up to date while somebody looks at it. */
import { type Event, type Image, isFinal } from "@image-pipeline/client/client";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { api } from "../api.ts";
import { isReachable } from "../connection.ts";
import { listen, tell } from "../live.ts";
import { token } from "../session.ts";

export type Loaded = {
  image: Signal<Image | undefined>;
  events: Signal<readonly Event[] | undefined>;
  /** Why the image cannot be shown. */
  error: Signal<unknown>;
};

/** Loads an image whenever its id changes, and again when the server is back or somebody signs in. */
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
    const unlisten = listen({
      onImage: (changed) => {
        if (changed.id !== id || changed.version === image.peek()?.version) return;
        image.value = changed;
        // The picture is what counts: a trail that cannot be read now is read with the next change.
        api.images.events(id, { signal }).then(
          (trail) => {
            events.value = trail;
          },
          () => undefined,
        );
      },
      onGone: (gone) => {
        if (gone === id) api.images.get(id, { signal }).catch(fail);
      },
      unfinished: () => {
        const shown = image.peek();
        return shown && !isFinal(shown) ? [id] : [];
      },
    });
    api.images.get(id, { signal }).then(tell, fail);
    return () => {
      unlisten();
      stopped.abort(new DOMException("Another image is shown.", "AbortError"));
    };
  }, [id, isBack, who]);
  return { image, events, error };
}
