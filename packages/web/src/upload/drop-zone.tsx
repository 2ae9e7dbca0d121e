/** The whole page takes files: dropped anywhere, or pasted. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { filesOf, pastedFiles } from "./pick.ts";
import { add } from "./transfers.ts";

export function DropZone({ children }: { children: ComponentChildren }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    // Every element tells of its own enter and leave; the page is left when as many were left as entered.
    let depth = 0;
    const stop = new AbortController();
    const on = <K extends keyof WindowEventMap>(name: K, hear: (event: WindowEventMap[K]) => void) =>
      addEventListener(name, hear, { signal: stop.signal });
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
      // A folder that cannot be read brings nothing; its files can still be picked.
      filesOf(event.dataTransfer).then(add, () => undefined);
    });
    on("paste", (event) => {
      const files = pastedFiles(event.clipboardData);
      if (files.length > 0) add(files);
    });
    return () => stop.abort();
  }, []);
  return (
    <>
      {children}
      {isOver ? (
        <div class="drop" aria-hidden="true">
          <p>Drop pictures or folders to add them</p>
        </div>
      ) : null}
    </>
  );
}
