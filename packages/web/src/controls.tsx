/** Controls that several views share: icons, the modal dialog, the copy button. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Paths of the icons, 20 × 20, stroked in the colour of the text. */
const paths = {
  add: "M10 4v12M4 10h12",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  up: "M10 16V4M5 9l5-5 5 5",
  down: "M5 8l5 5 5-5",
  check: "M4 10.5l4 4 8-9",
  copy: "M7 7V4.5A1.5 1.5 0 018.5 3H15.5A1.5 1.5 0 0117 4.5V11.5A1.5 1.5 0 0115.5 13H13M4.5 7H11.5A1.5 1.5 0 0113 8.5V15.5A1.5 1.5 0 0111.5 17H4.5A1.5 1.5 0 013 15.5V8.5A1.5 1.5 0 014.5 7z",
  trash: "M3.5 5.5h13M8 5V3.5h4V5M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5",
  again: "M16 10a6 6 0 11-1.8-4.3M16.5 3v3.5H13",
  filter: "M3 5.5h14M5.5 10h9M8 14.5h4",
  download: "M10 3v10M5.5 9l4.5 4.5L14.5 9M4 16.5h12",
  tag: "M3 9.5V3h6.5l7.5 7.5-6.5 6.5zM6.6 6.6h.1",
  more: "M4.4 10h.6M9.7 10h.6M15 10h.6",
  link: "M8.5 11.5a3 3 0 004.4.2l2.4-2.4a3 3 0 00-4.2-4.2l-1.2 1.1M11.5 8.5a3 3 0 00-4.4-.2l-2.4 2.4a3 3 0 004.2 4.2l1.1-1.1",
  lock: "M5 9h10v7.5H5zM7 9V6.5a3 3 0 016 0V9",
  settings: "M3 6h8M15 6h2M3 14h2M9 14h8M13 8a2 2 0 100-4 2 2 0 000 4zM7 16a2 2 0 100-4 2 2 0 000 4z",
  alert: "M10 6.5v4.5M10 13.7v.1M10 2.5l8 14.5H2z",
  camera: "M3 6.5h3l1.5-2h5l1.5 2h3v9.5H3zM10 13.5a2.7 2.7 0 100-5.4 2.7 2.7 0 000 5.4z",
  folder: "M2.5 5h5l1.5 2h8.5v9h-15z",
  picture: "M3 4h14v12H3zM3.5 14.5l4.5-5 3.5 4 2-2.2 3 3.2M13.2 8.3a1.1 1.1 0 100-2.2 1.1 1.1 0 000 2.2z",
  zoom: "M8.5 14a5.5 5.5 0 100-11 5.5 5.5 0 000 11zM12.6 12.6L17 17M8.5 6v5M6 8.5h5",
} as const;

/** Name of an icon. */
export type IconName = keyof typeof paths;

/** Returns an icon as HTML, for PhotoSwipe's buttons. */
export const iconHTML = (name: keyof typeof paths) =>
  `<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d="${paths[name]}"/></svg>`;

/** An icon, hidden from screen readers: the control around it needs a label. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** A modal `<dialog>`: traps the focus, closes with Escape and restores the focus when it is removed. */
export function Dialog(props: {
  class: string;
  label: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    shown?.showModal();
    // A field keeps the focus, and the first button of a question; another would show a focus ring before a key is pressed.
    if (!document.activeElement?.matches("input, textarea, .first")) shown?.focus();
    return () => {
      shown?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.class}
      tabIndex={-1}
      aria-label={props.label}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      {props.children}
    </dialog>
  );
}

/** A button that copies a text to the clipboard and confirms it for two seconds. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [result, setResult] = useState<"copied" | "refused" | undefined>(undefined);
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(setResult, 2000, undefined);
    return () => clearTimeout(timer);
  }, [result]);
  return (
    <>
      <button
        type="button"
        class="quiet"
        aria-label={label}
        title={label}
        onClick={() => {
          navigator.clipboard.writeText(text).then(
            () => setResult("copied"),
            () => setResult("refused"),
          );
        }}
      >
        <Icon name={result === "copied" ? "check" : result === "refused" ? "alert" : "copy"} />
      </button>
      <span class="hidden-label" role="status">
        {result === "copied" ? "Copied" : result === "refused" ? "The browser did not allow copying" : ""}
      </span>
    </>
  );
}
