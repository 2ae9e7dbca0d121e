/**
 * Why an image was refused: the bytes are at fault, so the answer is final and never retried. The set is closed;
 * clients show their own words for each code.
 */
export const codes = [
  "empty_file",
  "too_many_bytes",
  "unsupported_format",
  "unsupported_codec",
  "too_many_pixels",
  "side_too_long",
  "too_many_frames",
  "corrupt_image",
  "too_slow",
] as const;

export type Code = (typeof codes)[number];

/** Thrown by the gate and the engine when the bytes are at fault. The message is for people. */
export class Rejection extends Error {
  readonly code: Code;
  override readonly name = "Rejection";

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
