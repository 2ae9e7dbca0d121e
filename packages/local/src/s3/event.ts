/** What the endpoint tells the pipeline about its objects. */
import type { S3EventRecord } from "aws-lambda";

/** An object that was written or removed, durably. `time` is when; `sequencer` orders the events of one key. */
export type ObjectEvent = {
  bucket: string;
  key: string;
  name: `ObjectCreated:${"Put" | "Post" | "Copy" | "CompleteMultipartUpload"}` | "ObjectRemoved:Delete";
  /** In bytes; absent on removal, as `eTag` is. */
  size?: number;
  /** Without quotes. */
  eTag?: string;
  sequencer: string;
  time: Date;
};

/**
 * The record that S3 would send, version 2.1, with the key form-encoded (a space becomes `+`). A removal has neither
 * size nor ETag, whatever the type says: S3 sends none.
 */
export function eventRecord(event: ObjectEvent, region: string): S3EventRecord {
  const { bucket, key, name, size, eTag, sequencer, time } = event;
  const object = { key: formEncoded(key), size, eTag, sequencer } as S3EventRecord["s3"]["object"];
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: region,
    eventTime: time.toISOString(),
    eventName: name,
    userIdentity: { principalId: "AWS:local" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": sequencer, "x-amz-id-2": sequencer },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: "local",
      bucket: { name: bucket, ownerIdentity: { principalId: "local" }, arn: `arn:aws:s3:::${bucket}` },
      object,
    },
  };
}

const formEncoded = (key: string) =>
  encodeURIComponent(key)
    .replaceAll("%2F", "/")
    .replaceAll("%20", "+")
    .replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
