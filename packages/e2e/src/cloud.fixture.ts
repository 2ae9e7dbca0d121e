/** A local cloud for the tests of every package. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Settings } from "@image-pipeline/core/settings";
import { type Cloud, type Options, startCloud } from "@image-pipeline/local/cloud";

/** `folder` is a temporary folder, with the cloud's data in `data`; `stop` removes it. */
export type TestCloud = Cloud & { folder: string };

/** Starts a cloud on free ports, without a trash, with these settings on top of the defaults. Only once per process. */
export async function startTestCloud(
  settings: Partial<Settings.Pipeline> = { anonymous: true },
  options: Pick<Options, "workers"> = {},
): Promise<TestCloud> {
  const folder = await mkdtemp(join(tmpdir(), "image-pipeline-"));
  const pipeline = { ...Settings.pipelineDefaults, trashDays: 0, ...settings };
  const ports = { port: 0, s3Port: 0, dynamodbPort: 0 };
  const cloud = await startCloud({ ...options, ...ports, dataDir: join(folder, "data"), pipeline });
  return {
    ...cloud,
    folder,
    stop: async () => {
      await cloud.stop();
      await rm(folder, { recursive: true });
    },
  };
}
