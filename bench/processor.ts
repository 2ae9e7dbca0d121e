/**
 * The processor's handler against the engine alone: message, claim, read, writes of the variants, commit and audit
 * trail.
 */

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context, SQSEvent } from "aws-lambda";
import { createMediaKey } from "../packages/core/src/fixture-media-key.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { enter } from "../packages/local/src/environment.ts";
import { type Case, cpuOf, interleave, ratioOf, roundsOf, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";

const region = "us-east-1";
const credentials = { accessKeyId: "local", secretAccessKey: "local-secret" };
const rounds = roundsOf(5);

type Input = { bytes: Buffer };

/** Measures both and returns the table. */
export async function run(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), "bench-"));
  const stores = fork(new URL("stores.ts", import.meta.url), [dataDir]);
  try {
    const [{ s3Url, dynamodbUrl }] = await once(stores, "message");
    const url = "http://127.0.0.1:9";
    const pipeline = Settings.pipelineDefaults;
    enter(process.env, {
      region,
      credentials,
      s3Url,
      dynamodbUrl,
      url,
      queuePath: "/",
      cursorKey: "k",
      mediaKey: createMediaKey(),
      pipeline,
    });
    // Imported late: these modules read the environment when they are loaded.
    const { handler } = await import("../packages/functions/src/processor.ts");
    const { render } = await import("../packages/core/src/engine/render.ts");
    const { Presign } = await import("../packages/core/src/aws/presign.ts");

    let uploads = 0;
    const waiting: SQSEvent[] = [];
    /** Uploads an original and queues its notification. Not measured. */
    const upload = async (bytes: Buffer) => {
      const key = `bench/${++uploads}.jpg`;
      const terms = { key, contentType: "image/jpeg", bytes: bytes.length, seconds: 60 };
      const { url, headers } = await Presign.put(terms);
      const response = await fetch(url, { method: "PUT", headers, body: new Uint8Array(bytes) });
      if (!response.ok) throw new Error(await response.text());
      const eTag = response.headers.get("etag")?.replaceAll('"', "") ?? "";
      waiting.push(notification(key, eTag, uploads));
    };
    const inputs: Input[] = (await photos(12)).map((bytes) => ({ bytes }));
    for (let round = -1; round < rounds; round++) for (const { bytes } of inputs) await upload(bytes);

    const cases: Case<Input>[] = [
      { name: "engine", run: ({ bytes }) => render(bytes, pipeline) },
      {
        name: "processor",
        run: async () => {
          const event = waiting.shift();
          if (!event) throw new Error("No upload is left to process.");
          const answer = await handler(event, context, () => {});
          if (answer?.batchItemFailures.length !== 0)
            throw new Error(`The processor failed: ${JSON.stringify(answer)}.`);
        },
      },
    ];
    const cpuOfStores = async () => {
      stores.send("cpu?");
      const [{ cpu }] = await once(stores, "message");
      return (cpu.user + cpu.system) / 1000;
    };
    const before = await cpuOfStores();
    const samples = await interleave(cases, inputs, rounds);
    const perImage = ((await cpuOfStores()) - before) / uploads;
    const [engine, processor] = [cpuOf(samples, "engine"), cpuOf(samples, "processor")];
    const ratio = ratioOf(samples, "processor", "engine");
    return [
      `One image through the processor (${provenance()}, 12 MP JPEG; CPU in ms per image; target in brackets):`,
      "",
      table(
        ["engine", "processor", "processor / engine", "embedded S3 and DynamoDB", "all together / engine"],
        [
          [
            Math.round(engine),
            Math.round(processor),
            `${ratio.toFixed(3)} (≤ 1.25)`,
            Math.round(perImage),
            ((ratio * engine + perImage) / engine).toFixed(3),
          ],
        ],
      ),
      "",
      "Processor: the process of the deployed handler. The embedded S3 and DynamoDB run in another one.",
    ].join("\n");
  } finally {
    stores.disconnect();
    await once(stores, "exit");
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const context = { awsRequestId: "bench", getRemainingTimeInMillis: () => 60_000 } as Context;

function notification(key: string, eTag: string, order: number): SQSEvent {
  const sequencer = order.toString(16).padStart(16, "0");
  const object = { key, eTag, sequencer, size: 0 };
  const body = JSON.stringify({
    Records: [{ eventName: "ObjectCreated:Put", s3: { bucket: { name: "uploads" }, object } }],
  });
  const attributes = { ApproximateReceiveCount: "1" };
  return { Records: [{ messageId: String(order), body, attributes }] } as SQSEvent;
}
