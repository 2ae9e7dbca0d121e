/** Words: how texts are split and normalised, for the index and for searches alike. */
export * as Words from "./words.ts";

/** Most words of one image, the first of its title, file name and alternative text: each is a separate row. */
export const wordsMax = 50;

/** Longest word in code points; the rest of a longer one is cut off. */
const lengthMax = 64;

/** Extensions of image files: the format is a filter by itself. */
const extension = /\.(?:jpe?g|png|webp|avif|gif|hei[cf]|tiff?)(?![\p{L}\p{N}])/giu;

/** Scripts without spaces between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

let segmenter: Intl.Segmenter | undefined;

/**
 * Returns the distinct words of texts in their order: runs of letters and digits, in lower case, without accents and
 * extensions of image files. Chinese, Japanese, Thai, Lao, Khmer and Burmese are split by a dictionary.
 */
export function of(...texts: (string | undefined)[]): string[] {
  return [...new Set(texts.flatMap((text) => (text === undefined ? [] : wordsOf(text))))];
}

/** Words of a search. Each must be in the image; one with `prefix: true` may continue. */
export type Sought = { word: string; prefix: boolean };

/** Parses a search: its words, of which those that end with `*` are prefixes. */
export const parse = (query: string): Sought[] =>
  query.split(/\s+/).flatMap((part) => {
    const words = of(part);
    return words.map((word, n) => ({ word, prefix: part.endsWith("*") && n === words.length - 1 }));
  });

function wordsOf(text: string): string[] {
  const runs = folded(text.replace(extension, " ")).match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  return runs
    .flatMap((run) => (unspaced.test(run) ? segmentsOf(run) : [run]))
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .map((word) => [...word].slice(0, lengthMax).join(""));
}

function segmentsOf(run: string): string[] {
  segmenter ??= new Intl.Segmenter("und", { granularity: "word" });
  return [...segmenter.segment(run)].map(({ segment }) => segment);
}

/**
 * Folds case, compatibility forms and the accents of Latin, Greek and Cyrillic (`É`, `ß` and `ﬁ` are `e`, `ss` and
 * `fi`). Other combining marks stay, because they distinguish words, such as those of Hindi and Japanese.
 */
const folded = (text: string) =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toUpperCase()
    .toLowerCase()
    .replaceAll("ς", "σ")
    .normalize("NFKC");
