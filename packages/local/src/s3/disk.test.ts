import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterEach, expect, test } from "vitest";
import { bytesOf, clientFor, refusal, type Spawned, spawnServer } from "./fixture.ts";

const Bucket = "uploads";
const MB = 1 << 20;

/**
 * A disk of 4 MB that is remounted read-only when the shell reads a line, which it confirms. Needs no privileges,
 * because it is mounted in a user namespace. The remount fails with EBUSY while a file is open for writing, so the
 * shell retries it.
 */
const smallDisk = `
for folder; do :; done
mount -t tmpfs -o size=4m tmpfs "$folder" || exit 9
"$@" </dev/null &
while read -r _; do
  until mount -o remount,ro "$folder"; do sleep 0.1; done
  echo "the disk is read-only" >&2
done
kill -9 $!`;

/** Runs a command in new user and mount namespaces, in which mounting needs no privileges. */
const namespace = ["unshare", "-Urm"] as const;

const canMount =
  spawnSync(namespace[0], [namespace[1], "mount", "-t", "tmpfs", "tmpfs", tmpdir()], { stdio: "ignore" })
    .status === 0;
const needs = canMount ? "" : " (needs user namespaces: Linux where `unshare -Urm` works)";

let server: Spawned | undefined;
let folder = "";
afterEach(async () => {
  await server?.kill();
  await rm(folder, { recursive: true, force: true });
});

async function begin() {
  folder = await mkdtemp(path.join(tmpdir(), "s3-disk-"));
  server = await spawnServer(folder, `exec ${namespace.join(" ")} sh -c '${smallDisk}' sh "$@"`);
  const client = clientFor(server.url);
  const put = (Key: string, Body: Buffer) => client.send(new PutObjectCommand({ Bucket, Key, Body }));
  const read = async (Key: string) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const list = async () => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    return Contents.map(({ Key, Size }) => `${Key} ${Size}`);
  };
  return { server, client, put, read, list };
}

test.skipIf(!canMount)(
  `a full disk refuses clearly, keeps what it has, and goes on once there is room${needs}`,
  async () => {
    const { client, put, read, list, server } = await begin();
    const [first, second] = [bytesOf(2 * MB), bytesOf(MB)];
    await put("first", first);
    const large = client.send(new PutObjectCommand({ Bucket, Key: "large", Body: bytesOf(3 * MB) }));
    await expect(large).rejects.toMatchObject({
      name: "ServiceUnavailable",
      message: expect.stringContaining("The disk is full. Free some space"),
      $metadata: { httpStatusCode: 503 },
    });
    expect(await refusal(put("first", bytesOf(3 * MB)))).toBe("ServiceUnavailable 503");
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const part = client.send(
      new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: bytesOf(3 * MB) }),
    );
    expect(await refusal(part)).toBe("ServiceUnavailable 503");
    expect(await list()).toEqual([`first ${2 * MB}`]);
    expect((await read("first")).equals(first)).toBe(true);
    // A refused upload occupies no space.
    await put("second", second);
    await client.send(new DeleteObjectCommand({ Bucket, Key: "first" }));
    await put("third", first);
    expect(await list()).toEqual([`second ${MB}`, `third ${2 * MB}`]);
    // The process may report events after its responses, but in order.
    const told = () => server.events.map(({ name, key }) => `${name} ${key}`);
    await expect
      .poll(told, { timeout: 20_000 })
      .toEqual([
        "ObjectCreated:Put first",
        "ObjectCreated:Put second",
        "ObjectRemoved:Delete first",
        "ObjectCreated:Put third",
      ]);
    client.destroy();
  },
);

test.skipIf(!canMount)(`a read-only disk refuses to write, and still reads${needs}`, async () => {
  const { client, put, read, list, server } = await begin();
  const bytes = bytesOf(MB);
  await put("first", bytes);
  server.tell("read-only");
  await expect.poll(() => server.log(), { timeout: 20_000 }).toContain("the disk is read-only");
  expect(await refusal(put("second", bytes))).toBe("InternalError 500");
  await expect(put("second", bytes)).rejects.toMatchObject({
    message: expect.stringContaining("read-only file system"),
  });
  expect(await refusal(client.send(new DeleteObjectCommand({ Bucket, Key: "first" })))).toBe(
    "InternalError 500",
  );
  expect((await read("first")).equals(bytes)).toBe(true);
  expect(await list()).toContain(`first ${MB}`);
  client.destroy();
});
