/** Ways to add images: drop, paste, file and folder pickers, a phone's camera, and URLs. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../controls.tsx";
import { lazyDialog } from "../lazy.tsx";
import { urlsOf, urlText } from "./from-url.ts";
import { add } from "./transfers.ts";

/** Accepts files that are dropped or pasted anywhere on the page. */
export function DropZone({ children }: { children: ComponentChildren }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    // `dragenter` and `dragleave` bubble from every element: counts how many are entered and not left.
    let depth = 0;
    const stop = new AbortController();
    const on = <K extends keyof WindowEventMap>(name: K, listener: (event: WindowEventMap[K]) => void) =>
      addEventListener(name, listener, { signal: stop.signal });
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    on("dragenter", (event) => {
      if (holdsFiles(event)) setOver(++depth > 0);
    });
    on("dragleave", (event) => {
      if (holdsFiles(event)) setOver(--depth > 0);
    });
    on("dragover", (event) => {
      if (holdsFiles(event)) event.preventDefault();
    });
    on("drop", (event) => {
      depth = 0;
      setOver(false);
      if (!event.dataTransfer || !holdsFiles(event)) return;
      event.preventDefault();
      // A folder that cannot be read is ignored.
      filesOf(event.dataTransfer).then(add, () => undefined);
    });
    on("paste", (event) => {
      const files = pastedFiles(event.clipboardData);
      if (files.length > 0) return add(files);
      if (event.target instanceof Element && event.target.closest("input, textarea, dialog")) return;
      const urls = urlsOf(event.clipboardData?.getData("text/plain") ?? "");
      if (urls.length > 0) urlText.value = urls.join("\n");
    });
    return () => stop.abort();
  }, []);
  return (
    <>
      {children}
      {isOver ? (
        <div class="drop" aria-hidden="true">
          <p>Drop images or folders to upload</p>
        </div>
      ) : null}
      {urlText.value === undefined ? null : (
        <URLDialog text={urlText.value} onClose={closeURLs}>
          <Folder onAdded={closeURLs} />
        </URLDialog>
      )}
    </>
  );
}

const URLDialog = lazyDialog<{ text: string; onClose: () => void; children: ComponentChildren }>(
  async () => (await import("./url-dialog.tsx")).URLDialog,
);

const moreWays = "Add a folder or a URL";

const openURLs = () => {
  urlText.value = "";
};
const closeURLs = () => {
  urlText.value = undefined;
};

/** File types that pickers offer first. The API decides by the bytes. */
const accept = "image/*,.heic,.heif,.avif";

/** The buttons in the page's header: files, and the dialog for a folder or URLs. */
export function AddButtons() {
  return (
    <div class="add">
      <button type="button" class="button" aria-label={moreWays} title={moreWays} onClick={openURLs}>
        <Icon name="more" />
      </button>
      <Picker class="button primary" attributes={{ multiple: true, accept }}>
        <Icon name="add" /> <span>Add</span>
        <span class="wide"> images</span>
      </Picker>
    </div>
  );
}

/** Uploads the file of an interrupted upload as a new image, and then calls `onAdded`. */
export function PickAgain({ onAdded }: { onAdded: () => void }) {
  return (
    <Picker class="button primary" attributes={{ accept }} onAdded={onAdded}>
      <Icon name="again" /> Choose the file again
    </Picker>
  );
}

/** All pickers, for an empty gallery. */
export function Pickers() {
  return (
    <div class="pickers">
      <Picker class="button primary" attributes={{ multiple: true, accept }}>
        <Icon name="picture" /> Choose files
      </Picker>
      <Folder />
      <Picker class="button touch" attributes={{ accept: "image/*", capture: "environment" }}>
        <Icon name="camera" /> Take a photo
      </Picker>
      <button type="button" class="button" onClick={openURLs}>
        <Icon name="link" /> From a URL
      </button>
    </div>
  );
}

function Folder({ onAdded }: { onAdded?: () => void }) {
  return (
    <Picker class="button" attributes={{ multiple: true, webkitdirectory: true }} onAdded={onAdded}>
      <Icon name="folder" /> Choose a folder
    </Picker>
  );
}

type Attributes = { multiple?: boolean; accept?: string; webkitdirectory?: boolean; capture?: "environment" };

function Picker(props: {
  class: string;
  label?: string;
  attributes: Attributes;
  onAdded?: () => void;
  children: ComponentChildren;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class={props.class}
        aria-label={props.label}
        title={props.label}
        onClick={() => input.current?.click()}
      >
        {props.children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        {...props.attributes}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          add(files);
          if (files.length > 0) props.onAdded?.();
          // Lets the same file be chosen again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Returns the files of a drop, including those in folders. Must be called synchronously in the event's handler. */
async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? undefined);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.flatMap((entry) => (entry ? [walk(entry)] : [])));
  return found.flat();
}

/** Returns the images on the clipboard. */
function pastedFiles(clipboard: DataTransfer | null): File[] {
  return [...(clipboard?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) return [await new Promise<File>((done, fail) => entry.file(done, fail))];
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const files: File[] = [];
  for (;;) {
    // `readEntries` returns batches; an empty one is the end.
    const part = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return files;
    // Skips hidden files such as .DS_Store.
    const visible = part.filter(({ name }) => !name.startsWith("."));
    files.push(...(await Promise.all(visible.map(walk))).flat());
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
