/** The dialog of settings and usage. Loaded when it is opened. */
import { Dialog, Icon } from "../controls.tsx";
import { Usage } from "./usage.tsx";
import "../style/settings.css";

/** Shows the usage of the caller. */
export function Settings({ onClose }: { onClose: () => void }) {
  return (
    <Dialog class="sheet settings" label="Usage" onClose={onClose}>
      <button type="button" class="quiet close" aria-label="Close" onClick={onClose}>
        <Icon name="close" />
      </button>
      <Usage />
    </Dialog>
  );
}
