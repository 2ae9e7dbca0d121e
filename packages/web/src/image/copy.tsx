/** A button that puts a text on the clipboard and says that it did. */
import { useEffect, useState } from "preact/hooks";
import { Icon } from "../icons.tsx";

export function Copy({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState<"copied" | "refused" | undefined>(undefined);
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(setSaid, 2000, undefined);
    return () => clearTimeout(timer);
  }, [said]);
  return (
    <>
      <button
        type="button"
        class="quiet"
        aria-label={label}
        title={label}
        onClick={() => {
          navigator.clipboard.writeText(text).then(
            () => setSaid("copied"),
            () => setSaid("refused"),
          );
        }}
      >
        <Icon name={said === "copied" ? "check" : said === "refused" ? "alert" : "copy"} />
      </button>
      <span class="hidden-label" role="status">
        {said === "copied" ? "Copied" : said === "refused" ? "The browser does not allow copying" : ""}
      </span>
    </>
  );
}
