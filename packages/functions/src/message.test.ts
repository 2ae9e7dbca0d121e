import { describe, expect, test } from "vitest";
import { read } from "./message.ts";

const notification = (over: { name?: string; key?: string; bucket?: string; sequencer?: string } = {}) => ({
  eventVersion: "2.1",
  eventName: over.name ?? "ObjectCreated:Put",
  s3: {
    bucket: { name: over.bucket ?? "uploads" },
    object: {
      key: over.key ?? "a/photo.jpg",
      sequencer: over.sequencer ?? "0055AED6DCD90281E5",
      eTag: "d41d8cd98f00b204e9800998ecf8427e",
      size: 1,
    },
  },
});
const messagesOf = (...records: object[]) => read(JSON.stringify({ Records: records }), "uploads");

describe("a notification", () => {
  test("of a new object becomes a message with its sequencer", () => {
    expect(messagesOf(notification())).toEqual({
      messages: [
        {
          kind: "created",
          key: "a/photo.jpg",
          sequencer: "0055AED6DCD90281E500000000000000",
          etag: "d41d8cd98f00b204e9800998ecf8427e",
        },
      ],
      ignored: [],
    });
  });

  test.each(["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"])(
    "of %s becomes a removal",
    (name) => {
      expect(messagesOf(notification({ name })).messages).toMatchObject([{ kind: "removed" }]);
    },
  );

  test("has its key decoded as a form: + is a space, %2B a plus", () => {
    const key = "a+b%2Bc/%C3%A9t%C3%A9+%25.jpg";
    expect(messagesOf(notification({ key })).messages).toMatchObject([{ key: "a b+c/été %.jpg" }]);
  });

  test("in lower case orders like one in upper case", () => {
    const [lower, upper] = [notification({ sequencer: "00ab" }), notification({ sequencer: "00AB" })];
    expect(messagesOf(lower).messages).toEqual(messagesOf(upper).messages);
  });

  test("with a key that cannot be decoded is refused alone, not with its neighbours", () => {
    const { messages, ignored } = messagesOf(notification({ key: "%E0%A4%A" }), notification());
    expect(messages).toHaveLength(1);
    expect(ignored).toEqual(["a key that cannot be decoded: %E0%A4%A"]);
  });
});

test.each([
  [
    "another bucket's notification",
    { Records: [notification({ bucket: "theirs" })] },
    "from the bucket theirs",
  ],
  [
    "an event that we do not handle",
    { Records: [notification({ name: "ObjectTagging:Put" })] },
    "the event ObjectTagging:Put",
  ],
  ["S3's test event", { Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "uploads" }, "no records"],
  ["null", null, "no records"],
])("%s gives no message and is named in the log", (_, body, why) => {
  expect(read(JSON.stringify(body), "uploads")).toEqual({ messages: [], ignored: [why] });
});

test("a body that is not JSON gives no message", () => {
  expect(read("{", "uploads")).toMatchObject({
    messages: [],
    ignored: [expect.stringContaining("not JSON")],
  });
});

test("a check of our own is taken as it is", () => {
  const check = { kind: "check", key: "a", attempt: 3, by: "api" };
  expect(read(JSON.stringify(check), "uploads").messages).toEqual([check]);
});
