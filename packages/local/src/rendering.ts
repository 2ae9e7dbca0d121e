/** The renderer's worker processes, in place of CloudFront's second origin for files: they make lazy files. */
import { randomUUID } from "node:crypto";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { startRuntime } from "./runtime.ts";

/** Responds to a request for a file that the bucket does not have. `path` is percent-encoded. */
export type Render = (path: string, accept: string) => Promise<APIGatewayProxyStructuredResultV2>;

/** The running renderer. `render` rejects if a worker is stopped or ends. */
export type Rendering = { render: Render; close(graceMs: number): Promise<void> };

/** Starts the renderer; its processes start with the first request. */
export function startRendering(options: {
  region: string;
  env: NodeJS.ProcessEnv;
  workers: number;
  timeoutSeconds: number;
  memoryMB: number;
}): Rendering {
  const secret = randomUUID();
  const secrets = JSON.stringify({ previous: secret, current: secret, next: secret });
  const runtime = startRuntime({
    ...options,
    name: "renderer",
    module: new URL(import.meta.resolve("@image-pipeline/functions/renderer")),
    env: { ...options.env, SST_RESOURCE_OriginSecret: secrets },
  });
  return {
    render: async (path, accept) => {
      const event = { rawPath: `/${path}`, headers: { "x-origin-secret": secret, accept } };
      return (await runtime.invoke(event)) as APIGatewayProxyStructuredResultV2;
    },
    close: runtime.close,
  };
}
