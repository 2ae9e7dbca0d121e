/** Views whose code is loaded when they are first shown, so that the first view of the page stays small. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "./controls.tsx";

/** Makes a dialog of one whose module is loaded when it is first shown. */
export function lazyDialog<Props extends { onClose: () => void }>(
  load: () => Promise<ComponentType<Props>>,
): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [, setLoaded] = useState(false);
    const [hasFailed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (view) => {
          loaded = view;
          setLoaded(true);
        },
        () => setFailed(true),
      );
    }, []);
    const View = loaded;
    if (View) return <View {...props} />;
    if (!hasFailed) return null;
    return (
      <Dialog class="sheet" label="Not loaded" onClose={props.onClose}>
        <form method="dialog" onSubmit={props.onClose}>
          <h2>This part of the page could not be loaded</h2>
          <p>Check the connection and try again, or reload the page.</p>
          <div class="actions">
            <button type="submit" class="button">
              Close
            </button>
          </div>
        </form>
      </Dialog>
    );
  };
}
