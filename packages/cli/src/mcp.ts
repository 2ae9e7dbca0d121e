/** `mcp`: serves the API to a coding agent over the Model Context Protocol. */
import { folderOf } from "./allowed.ts";
import { collect, command, urlOption } from "./command.ts";
import { connect } from "./connect.ts";

export const mcp = command(
  "mcp",
  `Serve the API as tools to a coding agent (MCP)

Speaks the Model Context Protocol on standard input and output until the
input ends. An agent's configuration starts it: docs/agents.md. The tools
have the rights of IMAGE_API_TOKEN.`,
  [
    "npm run --silent image -- mcp --read-only",
    "npm run --silent image -- mcp --allow ~/Pictures --url https://images.example.com",
  ],
)
  .option("--allow <folder>", "Folder whose images may be uploaded (repeatable)", collect)
  .option("--read-only", "Offer only tools that change nothing")
  .addOption(urlOption())
  .action(async ({ allow = [], readOnly = false, url }) => {
    const folders = await Promise.all(allow.map(folderOf));
    const client = await connect(url);
    // Loaded here, because the protocol's library takes longer to load than the other commands run.
    const { serve } = await import("./mcp-server.ts");
    await serve(client, { folders, readOnly });
  });
