/** Tools that create images: from a file of this machine, and from a URL. */
import { type Client, ClientError, type ImportOptions, type Ticket } from "@image-pipeline/client";
import { type Folder, imageIn } from "./allowed.ts";
import { type Document, fieldsOf, type Tool } from "./tools.ts";
import { sha256Of, uploadFile } from "./upload.ts";

/** Shorter than the minute that clients of MCP wait for a tool. */
const waitSeconds = 45;

/** Fields of a new image that the agent may set. */
const described = ["title", "alt", "tags", "metadata", "focus", "expiresAt"];

/** Returns the tool that uploads a file of the user's folders. An upload in parts that failed continues with the next call. */
export function uploadTool(document: Document, folders: readonly Folder[]): Tool {
  const tickets = new Map<string, Ticket>();
  return {
    name: "upload_image",
    title: "Upload an image",
    description: `Uploads an image file of this machine and waits up to ${waitSeconds} seconds until its variants are made. The file must be in a folder that the user has allowed: ${folders.map(({ given }) => given).join(", ")}. While the result is \`pending\` or \`processing\`, look it up with get_image. After a failure a second call sends only the missing parts of a large file.`,
    inputSchema: {
      type: "object",
      properties: {
        path: {
          type: "string",
          minLength: 1,
          maxLength: 4096,
          description: "Path of the file, absolute or in an allowed folder.",
        },
        ...fieldsOf(document, "ImageInput", described),
      },
      required: ["path"],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false },
    async call(client, { path: given, ...description }, signal) {
      const path = await imageIn(folders, String(given));
      const sha256 = await sha256Of(path);
      let id: string | undefined;
      try {
        const image = await uploadFile(client, path, {
          ...description,
          sha256,
          signal,
          waitSeconds,
          resume: tickets.get(sha256),
          onCreated: (image) => {
            id = image.id;
          },
          onTicket: (ticket) => tickets.set(sha256, ticket),
        });
        tickets.delete(sha256);
        return { body: image, etag: undefined };
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        if (error.code === "image_not_found") tickets.delete(sha256);
        if (error.code !== "timed_out" || !id) throw error;
        tickets.delete(sha256);
        return { body: await client.images.get(id, { signal }), etag: undefined };
      }
    },
  };
}

/** Returns the tool that imports a URL. The pipeline requests it, not this machine. */
export function importTool(document: Document): Tool {
  return {
    name: "import_image",
    title: "Import an image from a URL",
    description: `Creates an image whose file the pipeline gets from a public https URL, and waits up to ${waitSeconds} seconds until its variants are made. While the result is \`pending\` or \`processing\`, look it up with get_image. A \`rejected\` or \`failed\` image has the reason in \`error\`. Internal addresses are refused.`,
    inputSchema: {
      type: "object",
      properties: {
        ...fieldsOf(document, "ImportSource", ["url", "headers"]),
        ...fieldsOf(document, "ImageInput", described),
      },
      required: ["url"],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false },
    async call(client, { url, ...described }, signal) {
      const { id } = await client.images.importURL(String(url), {
        ...(described as ImportOptions),
        signal,
      });
      return { body: await finalOf(client, id, signal), etag: undefined };
    },
  };
}

/** Waits until an image is final. Returns it as it is after the longest wait. */
async function finalOf(client: Client, id: string, signal: AbortSignal) {
  try {
    return await client.images.wait(id, { signal, seconds: waitSeconds });
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "timed_out") throw error;
    return client.images.get(id, { signal });
  }
}
