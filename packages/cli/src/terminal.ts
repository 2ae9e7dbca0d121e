/** What is drawn on a terminal, and what may be: colours, widths, and lines that change in place. */
import { stripVTControlCharacters, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Whether people look at standard output or standard error. */
export const isTerminal = (stream: NodeJS.WriteStream) =>
  stream.isTTY === true && process.env.TERM !== "dumb";

const isColoured = !process.env.NO_COLOR && (Boolean(process.env.FORCE_COLOR) || isTerminal(process.stdout));

const paint = (style: Style) => (text: string) =>
  isColoured ? styleText(style, text, { validateStream: false }) : text;

export const bold = paint("bold");
export const dim = paint("dim");
export const cyan = paint("cyan");
export const green = paint("green");
export const red = paint("red");
export const yellow = paint("yellow");

/**
 * Other people's words, safe to print: a file name or a title may hold control characters, and those could redraw
 * the terminal or type into it.
 */
export const printable = (text: string) =>
  text.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");

const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u;

/** How many columns a text takes: Chinese, Japanese, Korean and emoji take two, combining marks none. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of stripVTControlCharacters(text)) {
    sum += /\p{Mn}/u.test(character) ? 0 : wide.test(character) ? 2 : 1;
  }
  return sum;
}

/** A plain text in exactly so many columns: filled with spaces, or cut in the middle, where names differ least. */
export function fit(text: string, width: number): string {
  if (columns(text) <= width) return text + " ".repeat(width - columns(text));
  const characters = [...text];
  const tail = characters.slice(-Math.floor(width / 2) + 1);
  while (columns(tail.join("")) > width / 2) tail.shift();
  let head = "";
  for (const character of characters) {
    if (columns(head + character) + columns(tail.join("")) + 1 > width) break;
    head += character;
  }
  const cut = `${head}…${tail.join("")}`;
  return cut + " ".repeat(width - columns(cut));
}

/** A bar of so many columns; `share` from 0 to 1. */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return cyan("━".repeat(filled)) + dim("─".repeat(width - filled));
}

/** A mark that turns with time, for what has no measure. */
export const spinner = () => cyan("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏".charAt(Math.floor(Date.now() / 80) % 10));

/** Lines at the foot of the terminal that change in place, while other output scrolls above them. */
export type Live = {
  /** Prints for good, above the live lines. */
  print(text: string): void;
  /** Takes the live lines away. Must be called, or they stay. */
  stop(): void;
};

const framesMs = 80;

/**
 * Draws what `lines` returns twelve times a second on standard error, if that is a terminal; nothing otherwise.
 * Lines must not be wider than the terminal, which `lines` is told.
 */
export function live(
  lines: (width: number) => readonly string[],
  { stderr, stdout }: Pick<NodeJS.Process, "stderr" | "stdout"> = process,
): Live {
  if (!isTerminal(stderr)) return { print: (text) => void stdout.write(`${text}\n`), stop: () => {} };
  let drawn = 0;
  const draw = () => {
    const now = lines(stderr.columns || 80).slice(0, Math.max(1, (stderr.rows || 24) - 1));
    // In place, line by line: clearing first would flicker, and tmux keeps what a clearing of the whole screen takes
    // away. Automatic wrapping is off meanwhile, so that a line too long can never count as two.
    const text = now.map((line) => `${line}\x1b[K\n`).join("");
    stderr.write(`${up(drawn)}\x1b[?7l${text}${blank(drawn - now.length)}\x1b[?7h`);
    drawn = now.length;
  };
  const erase = () => {
    stderr.write(up(drawn) + blank(drawn));
    drawn = 0;
  };
  const timer = setInterval(draw, framesMs);
  stderr.write("\x1b[?25l");
  // Whatever ends the process, the cursor comes back.
  const showCursor = () => void stderr.write("\x1b[?25h");
  process.once("exit", showCursor);
  return {
    print(text) {
      erase();
      stdout.write(`${text}\n`);
      draw();
    },
    stop() {
      clearInterval(timer);
      erase();
      showCursor();
      process.off("exit", showCursor);
    },
  };
}

/** Moves so many lines up. */
const up = (count: number) => (count > 0 ? `\x1b[${count}A` : "");

/** Empties the next lines and comes back. */
const blank = (count: number) => (count > 0 ? "\x1b[K\n".repeat(count) + up(count) : "");
