/** The dialog of webhooks and usage. Loaded when it is opened. */
import { Dialog, Icon } from "../controls.tsx";
import { Usage } from "./usage.tsx";
import { Webhooks } from "./webhooks.tsx";
import "../style/settings.css";

/** Shows the webhooks and the usage of the caller. */
export function Settings({ onClose }: { onClose: () => void }) {
  return (
    <Dialog class="sheet settings" label="Webhooks and usage" onClose={onClose}>
      <button type="button" class="quiet close" aria-label="Close" onClick={onClose}>
        <Icon name="close" />
      </button>
      <Webhooks />
      <Usage />
    </Dialog>
  );
}
