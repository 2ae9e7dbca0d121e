/** Files, however somebody gives them: dropped, pasted, picked, or in folders of folders. */

/** Every file of a drop, folders included. Call it while the event is handled: its data is gone afterwards. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? undefined);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.flatMap((entry) => (entry ? [walk(entry)] : [])));
  return found.flat();
}

/** The pictures on the clipboard: a screenshot has no name, so it gets one. */
export function pastedFiles(clipboard: DataTransfer | null): File[] {
  return [...(clipboard?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
}

/** What a file says it is. Some systems do not know photos from phones by name. */
export function typeOf({ type, name }: File): string {
  if (type) return type;
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return (
    { heic: "image/heic", heif: "image/heif", avif: "image/avif" }[extension] ?? "application/octet-stream"
  );
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) return [await new Promise<File>((done, fail) => entry.file(done, fail))];
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const files: File[] = [];
  for (;;) {
    // A folder is read in parts, until nothing more comes.
    const part = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return files;
    // Of what a system puts beside the pictures, such as .DS_Store, nobody wants to hear.
    const seen = part.filter(({ name }) => !name.startsWith("."));
    files.push(...(await Promise.all(seen.map(walk))).flat());
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
