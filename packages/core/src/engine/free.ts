/**
 * Frees a buffer's memory at once instead of at the next garbage collection; the buffer is empty afterwards. Images are
 * megabytes outside of the heap, and freeing them by collection takes a full collection for nearly every image
 * (docs/decisions.md, "Memory given back at once"). Does nothing to memory that other buffers share.
 */
export function free(buffer: Buffer): void {
  const { buffer: memory, byteLength } = buffer;
  if (byteLength > 0 && memory instanceof ArrayBuffer && memory.byteLength === byteLength) memory.transfer(0);
}
