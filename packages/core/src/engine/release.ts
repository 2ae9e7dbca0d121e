/**
 * Gives a buffer's memory back at once, instead of when the collector next looks: whoever reads it afterwards finds it
 * empty. Pictures are megabytes that the collector hardly sees; left to it, it runs a full collection for nearly every
 * image (docs/decisions.md, "Memory given back at once"). What shares its memory with other buffers is left alone.
 */
export function release(buffer: Buffer): void {
  const { buffer: memory, byteLength } = buffer;
  if (byteLength > 0 && memory instanceof ArrayBuffer && memory.byteLength === byteLength) memory.transfer(0);
}
