import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { eventRecord, type ObjectEvent } from "./event.ts";
import { refusal, serve } from "./fixture.ts";

const Bucket = "uploads";

test("an event is the record that S3 sends, its key form-encoded", () => {
  const event: ObjectEvent = {
    bucket: "uploads",
    key: "a b/ü+é(1)%.jpg",
    name: "ObjectCreated:Put",
    size: 5,
    eTag: "5d41402abc4b2a76b9719d911017c592",
    sequencer: "001A207F8E9A8000",
    time: new Date("2026-11-23T10:00:00.123Z"),
  };
  const record = eventRecord(event, "eu-west-1");
  expect(record).toMatchObject({
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "eu-west-1",
    eventTime: "2026-11-23T10:00:00.123Z",
    eventName: "ObjectCreated:Put",
    s3: {
      bucket: { name: "uploads", arn: "arn:aws:s3:::uploads" },
      object: {
        key: "a+b/%C3%BC%2B%C3%A9%281%29%25.jpg",
        size: 5,
        eTag: "5d41402abc4b2a76b9719d911017c592",
        sequencer: "001A207F8E9A8000",
      },
    },
  });
  expect(decodeURIComponent(record.s3.object.key.replaceAll("+", " "))).toBe(event.key);
});

test("a removal's record has neither size nor ETag", () => {
  const event: ObjectEvent = {
    bucket: "uploads",
    key: "x",
    name: "ObjectRemoved:Delete",
    sequencer: "1",
    time: new Date(),
  };
  const { object } = JSON.parse(JSON.stringify(eventRecord(event, "us-east-1"))).s3;
  expect(object).toEqual({ key: "x", sequencer: "1" });
});

test("every change of an object is one event; what changes nothing is none", async () => {
  const s3 = await serve();
  try {
    const client = s3.client();
    const put = (Key: string, more = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: "x", ...more }));
    await put("a");
    await put("a");
    await refusal(put("a", { IfNoneMatch: "*" }));
    await refusal(put("a", { ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }));
    await client.send(new CopyObjectCommand({ Bucket: "processed", Key: "b", CopySource: "uploads/a" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    await client.send(
      new DeleteObjectsCommand({ Bucket: "processed", Delete: { Objects: [{ Key: "b" }, { Key: "c" }] } }),
    );
    expect(s3.events.map(({ bucket, key, name }) => `${bucket}/${key} ${name}`)).toEqual([
      "uploads/a ObjectCreated:Put",
      "uploads/a ObjectCreated:Put",
      "processed/b ObjectCreated:Copy",
      "uploads/a ObjectRemoved:Delete",
      "processed/b ObjectRemoved:Delete",
    ]);
  } finally {
    await s3.end();
  }
});

test("puts and deletions of one key at once end in what the last event says, and their events are in order", async () => {
  const s3 = await serve();
  try {
    const client = s3.client();
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        i % 4 === 3
          ? client.send(new DeleteObjectCommand({ Bucket, Key: "busy" }))
          : client.send(new PutObjectCommand({ Bucket, Key: "busy", Body: "x".repeat(i * 1000) })),
      ),
    );
    const sequencers = s3.events.map(({ sequencer }) => sequencer);
    expect(sequencers).toEqual([...sequencers].sort());
    expect(new Set(sequencers).size).toBe(sequencers.length);
    const last = s3.events.at(-1);
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
    expect(Contents?.map(({ ETag }) => ETag)).toEqual(last?.eTag && [`"${last.eTag}"`]);
  } finally {
    await s3.end();
  }
});

test("a change whose event is not taken is not acknowledged", async () => {
  const s3 = await serve({
    onEvent: async () => {
      throw new Error("The queue is full.");
    },
  });
  try {
    expect(await refusal(s3.client().send(new PutObjectCommand({ Bucket, Key: "x", Body: "x" })))).toBe(
      "InternalError 500",
    );
  } finally {
    await s3.end();
  }
});
