/**
 * Rejection codes: the bytes are at fault, so the result is final and never retried. The set is closed; clients map
 * each code to their own text.
 */
export const codes = [
  "empty_file",
  "too_many_bytes",
  "unsupported_format",
  "unsupported_codec",
  "too_many_pixels",
  "side_too_long",
  "too_many_frames",
  "too_many_scans",
  "too_much_metadata",
  "corrupt_image",
  "too_slow",
  "too_much_memory",
] as const;

export type Code = (typeof codes)[number];

/** An error whose cause is in the bytes; thrown by the gate and the engine. The message is shown to users. */
export class Rejection extends Error {
  readonly code: Code;
  override readonly name = "Rejection";

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
