/** Places of files in the processed bucket: public keys, and those of private images under their owner. Pure. */
export * as Placement from "./placement.ts";

/** The key prefix of private files in the processed bucket, and of their URLs under `/media/`. */
export const prefix = "private/";

/** Returns true for the key of a file that only a signature opens. */
export const isPrivate = (key: string): boolean => key.startsWith(prefix);
