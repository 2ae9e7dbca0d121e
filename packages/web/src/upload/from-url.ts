/** The dialog that adds images from URLs: whether it is open, and with which text. */
import { signal } from "@preact/signals";

/** The text with which the dialog is open; undefined while it is closed. */
export const urlText = signal<string | undefined>(undefined);

/** Returns the URLs of a text that is nothing else, one on each line or separated by blanks. */
export function urlsOf(text: string): string[] {
  const words = text.split(/\s+/).filter(Boolean);
  return words.every((word) => /^https?:\/\/[^/]/i.test(word)) ? words : [];
}
