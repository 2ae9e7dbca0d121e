import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startS3 } from "@image-pipeline/local/s3/server";
import { expect, onTestFinished, test, vi } from "vitest";

test("a dump in a bucket has its files under the prefix, and no file is read beyond its size", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "dump-"));
  const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
  const region = "us-east-1";
  const s3 = await startS3({
    dataDir,
    port: 0,
    buckets: ["dumps"],
    region,
    ...credentials,
    onEvent: () => {},
  });
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await s3.close();
    await rm(dataDir, { recursive: true });
  });
  vi.stubEnv("AWS_ENDPOINT_URL_S3", s3.url);
  vi.stubEnv("AWS_REGION", region);
  vi.stubEnv("AWS_ACCESS_KEY_ID", credentials.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", credentials.secretAccessKey);
  const { openPlace } = await import("@image-pipeline/cli/place");
  const dump = openPlace("s3://dumps/2026/november");
  await dump.write("images/000000.jsonl", "text");
  expect(await dump.read("images/000000.jsonl", 4)).toBe("text");
  const whole = openPlace("s3://dumps");
  expect(await whole.read("2026/november/images/000000.jsonl", 4)).toBe("text");
  expect(await dump.read("images/000001.jsonl", 4)).toBeUndefined();
  await expect(dump.read("images/000000.jsonl", 3)).rejects.toThrow("at most 3 are read");
});
