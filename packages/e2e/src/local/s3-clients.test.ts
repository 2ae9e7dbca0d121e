import { type ExecFileException, execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { bytesOf, keys, type Served, serve } from "@image-pipeline/local/s3/fixture";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "../needs.ts";

let s3: Served;
let folder = "";

/** Twelve files in folders, one of 20 MB among them, which every client sends in parts. */
const names = [
  "plain.txt",
  "empty",
  "with space & +plus.jpg",
  "üñï/😀.png",
  "deep/er/and/deeper.bin",
  "100%.txt",
  "a=b&c?d#e.txt",
  "(paren)'s!.txt",
  "~tilde*.txt",
  "twin/a.txt",
  "twin/b.txt",
  "large.bin",
];
const files = new Map(
  names.map((name) => [
    name,
    name === "large.bin" ? bytesOf(20 << 20) : name === "empty" ? Buffer.alloc(0) : bytesOf(5000),
  ]),
);

const yesterday = Date.now() / 1000 - 86_400;

beforeAll(async () => {
  s3 = await serve();
  folder = await mkdtemp(path.join(tmpdir(), "s3-clients-"));
  for (const [name, bytes] of files) {
    const file = path.join(folder, "from", name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
    // S3 times have a resolution of one second, so a file from the current second would seem newer than its copy.
    await utimes(file, yesterday, yesterday);
  }
});
afterAll(async () => {
  await s3.end();
  await rm(folder, { recursive: true, force: true });
});

const at = (...parts: string[]) => path.join(folder, ...parts);

/** Runs a client and returns its output. Throws an error with its output if it fails. */
function run(command: string, args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_SESSION_TOKEN: "",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_CONFIG_FILE: at("none"),
    AWS_SHARED_CREDENTIALS_FILE: at("none"),
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    LC_ALL: "C.UTF-8",
  };
  return new Promise((resolve, reject) =>
    execFile(command, args, { env, maxBuffer: 1 << 24 }, (error: ExecFileException | null, stdout, stderr) =>
      error ? reject(new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`)) : resolve(stdout),
    ),
  );
}

const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Asserts that a folder has every file unchanged. */
async function same(directory: string): Promise<void> {
  for (const [name, bytes] of files)
    expect([name, sum(await readFile(at(directory, name)))]).toEqual([name, sum(bytes)]);
}

/** Returns the ETags of the objects under a prefix, by the rest of the key. */
function etags(prefix: string): Map<string, string> {
  const last = new Map<string, string>();
  for (const { bucket, key, eTag } of s3.events) {
    if (bucket !== "uploads" || !key.startsWith(prefix)) continue;
    if (eTag) last.set(key.slice(prefix.length), eTag);
    else last.delete(key.slice(prefix.length));
  }
  return last;
}

/** Asserts that the bucket has every file, and that the large one was sent in parts. */
function complete(prefix: string): void {
  const stored = etags(prefix);
  expect([...stored.keys()].sort()).toEqual([...names].sort());
  for (const [name, bytes] of files)
    if (name !== "large.bin") expect(stored.get(name)).toBe(createHash("md5").update(bytes).digest("hex"));
  expect(stored.get("large.bin")).toMatch(/-\d+$/);
}

/** Every AWS CLI on this machine: versions 1 and 2 send different requests. */
const clis = new Map(
  (process.env.PATH ?? "").split(path.delimiter).flatMap((each) => {
    const command = path.join(each, "aws");
    const said = spawnSync(command, ["--version"], { encoding: "utf8" });
    return said.status === 0 ? [[said.stdout.split(" ", 1)[0] ?? "", command] as const] : [];
  }),
);

describeWith("aws", "the AWS CLI", () => {
  describe.each([...clis])("%s", (_, command) => {
    cli(command);
  });
});

/** Tests of one AWS CLI. */
function cli(command: string): void {
  const aws = (...args: string[]) => run(command, ["--endpoint-url", s3.url, ...args]);
  test("syncs a folder up and down, and the second time there is nothing to do", async () => {
    await aws("s3", "sync", at("from"), "s3://uploads/aws/");
    complete("aws/");
    expect(await aws("s3", "sync", at("from"), "s3://uploads/aws/")).toBe("");
    await aws("s3", "sync", "s3://uploads/aws/", at("aws"));
    await same("aws");
  }, 180_000);

  test("copies, moves, lists, presigns and removes", async () => {
    await aws(
      "s3",
      "cp",
      at("from", "plain.txt"),
      "s3://uploads/cli/key with space.JPG",
      "--content-type",
      "image/jpeg",
    );
    await aws("s3", "cp", "s3://uploads/cli/key with space.JPG", "s3://processed/copy.jpg");
    await aws("s3", "mv", "s3://processed/copy.jpg", "s3://uploads/cli/moved.jpg");
    expect(await aws("s3", "ls", "s3://uploads/cli/")).toMatch(
      /5000 key with space\.JPG\n.*5000 moved\.jpg\n$/,
    );
    expect(await aws("s3", "ls")).toMatch(/uploads\n.*processed\n/);
    const url = (await aws("s3", "presign", "s3://uploads/cli/moved.jpg")).trim();
    const answer = await fetch(url);
    expect(answer.headers.get("content-type")).toBe("image/jpeg");
    expect(sum(await answer.bytes())).toBe(sum(files.get("plain.txt") ?? Buffer.alloc(0)));
    await aws("s3", "rm", "s3://uploads/cli/", "--recursive");
    expect(etags("cli/").size).toBe(0);
  }, 180_000);

  test("copies 20 MB in parts on the server, and aborts what it began", async () => {
    await aws("s3", "cp", at("from", "large.bin"), "s3://uploads/parts/large.bin");
    await aws("s3", "cp", "s3://uploads/parts/large.bin", "s3://uploads/parts/copy.bin");
    await aws("s3", "mv", "s3://uploads/parts/copy.bin", "s3://uploads/parts/moved.bin");
    await aws("s3", "cp", "s3://uploads/parts/moved.bin", at("copy.bin"));
    expect(sum(await readFile(at("copy.bin")))).toBe(sum(files.get("large.bin") ?? Buffer.alloc(0)));
    const began = JSON.parse(
      await aws("s3api", "create-multipart-upload", "--bucket", "uploads", "--key", "x", "--output", "json"),
    );
    const target = ["--bucket", "uploads", "--key", "x", "--upload-id", began.UploadId];
    await aws("s3api", "abort-multipart-upload", ...target);
    await expect(aws("s3api", "list-parts", ...target)).rejects.toThrow("NoSuchUpload");
  }, 180_000);

  test("encrypts with AES256, and reads a part by its number", async () => {
    await aws("s3", "cp", at("from", "large.bin"), "s3://uploads/sse.bin", "--sse", "AES256");
    const object = ["--bucket", "uploads", "--key", "sse.bin"];
    const head = JSON.parse(await aws("s3api", "head-object", ...object, "--output", "json"));
    expect(head.ServerSideEncryption).toBe("AES256");
    const part = ["--part-number", "2", "--output", "json"];
    const second = JSON.parse(await aws("s3api", "get-object", ...object, ...part, at("part")));
    expect(second).toMatchObject({ PartsCount: 3, ContentRange: `bytes 8388608-16777215/${20 << 20}` });
    const expected = files.get("large.bin")?.subarray(8 << 20, 16 << 20) ?? Buffer.alloc(0);
    expect(sum(await readFile(at("part")))).toBe(sum(expected));
  }, 180_000);

  test("deletes no other key, and nothing on a condition that is not implemented", async () => {
    await aws("s3", "cp", at("from", "plain.txt"), "s3://uploads/ab");
    const remove = (...objects: object[]) => {
      const list = ["--bucket", "uploads", "--delete", JSON.stringify({ Objects: objects })];
      return aws("s3api", "delete-objects", ...list);
    };
    await expect(remove({ Key: "a\u0001b" })).rejects.toThrow("MalformedXML");
    await expect(remove({ Key: "ab", VersionId: "v1" })).resolves.toContain("NotImplemented");
    expect(await aws("s3", "ls", "s3://uploads/ab")).toContain("5000 ab");
  }, 180_000);

  test("hears S3's own errors", async () => {
    await expect(aws("s3", "cp", "s3://uploads/missing", at("x"))).rejects.toThrow("404");
    await expect(aws("s3", "ls", "s3://nowhere")).rejects.toThrow("NoSuchBucket");
    await expect(aws("s3api", "get-object-acl", "--bucket", "uploads", "--key", "x")).rejects.toThrow(
      "NotImplemented",
    );
  }, 180_000);
}

describeWith("boto3", "boto3", () => {
  const script = `
import boto3, hashlib, io, json, sys, urllib.request
from botocore.config import Config
endpoint, folder = sys.argv[1:]
def client(**more):
    return boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}, **more))
s3 = client()
large = open(folder + "/from/large.bin", "rb").read()
s3.upload_file(folder + "/from/large.bin", "uploads", "boto/large.bin", ExtraArgs={"ContentType": "image/png", "Metadata": {"owner": "u1"}})
found = io.BytesIO()
s3.download_fileobj("uploads", "boto/large.bin", found)
head = s3.head_object(Bucket="uploads", Key="boto/large.bin")
s3.copy({"Bucket": "uploads", "Key": "boto/large.bin"}, "uploads", "boto/copy ü.bin")
def status(url, **request):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **request)) as answer: return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error: return [error.code, ""]
def form(signed, body):
    parts = [f'--b\\r\\nContent-Disposition: form-data; name="{k}"\\r\\n\\r\\n{v}\\r\\n' for k, v in signed["fields"].items()]
    parts.append(f'--b\\r\\nContent-Disposition: form-data; name="file"; filename="x"\\r\\n\\r\\n{body}\\r\\n--b--\\r\\n')
    return status(signed["url"], data="".join(parts).encode(), headers={"Content-Type": "multipart/form-data; boundary=b"})[0]
presigned = {}
for version in ["default", "s3v4"]:
    signer = s3 if version == "default" else client(signature_version=version)
    url = lambda operation, **more: signer.generate_presigned_url(operation, Params={"Bucket": "uploads", "Key": "boto/signed +" + version, **more})
    put = status(url("put_object", ContentType="text/plain"), data=b"hello", method="PUT", headers={"Content-Type": "text/plain"})[0]
    wrong = status(url("put_object", ContentType="text/plain"), data=b"hello", method="PUT", headers={"Content-Type": "text/html"})[0]
    post = signer.generate_presigned_post("uploads", "boto/form " + version, Conditions=[["content-length-range", 1, 5]])
    changed = {"url": post["url"], "fields": {**post["fields"], "key": "boto/other"}}
    presigned[version] = [put, wrong, status(url("get_object", ResponseContentType="text/plain"))[1], form(post, "hello"), form(post, "hello!"), form(changed, "hello")]
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="uploads", Prefix="boto/", PaginationConfig={"PageSize": 2})
keys = [entry["Key"] for page in pages for entry in page["Contents"]]
deleted = s3.delete_objects(Bucket="uploads", Delete={"Objects": [{"Key": key} for key in keys]})
print(json.dumps({
    "same": found.getvalue() == large, "type": head["ContentType"], "metadata": head["Metadata"],
    "presigned": presigned, "keys": keys, "deleted": len(deleted["Deleted"]),
}))`;

  test("uploads in parts, copies, lists, deletes, and signs URLs and forms in both ways that it knows", async () => {
    const said = JSON.parse(await run("python3", ["-c", script, s3.url, folder]));
    // PUT, PUT of another type, GET, form, form of too large a file, form with another key.
    const signed = [200, 403, "hello", 204, 400, 403];
    expect(said).toEqual({
      same: true,
      type: "image/png",
      metadata: { owner: "u1" },
      presigned: { default: signed, s3v4: signed },
      keys: [
        "boto/copy ü.bin",
        "boto/form default",
        "boto/form s3v4",
        "boto/large.bin",
        "boto/signed +default",
        "boto/signed +s3v4",
      ],
      deleted: 6,
    });
    expect(etags("boto/").size).toBe(0);
  }, 180_000);
});

describeWith("s3cmd", "s3cmd", () => {
  const s3cmd = (...args: string[]) => inRegion("us-east-1", args);
  const inRegion = (region: string, args: string[]) => {
    const host = `127.0.0.1:${s3.port}`;
    const key = [`--access_key=${keys.accessKeyId}`, `--secret_key=${keys.secretAccessKey}`];
    return run("s3cmd", [
      "--config=/dev/null",
      "--no-ssl",
      `--host=${host}`,
      `--host-bucket=${host}`,
      `--region=${region}`,
      "--no-progress",
      ...key,
      ...args,
    ]);
  };

  test("syncs a folder up and down, in parts where it is large", async () => {
    await s3cmd("sync", "--multipart-chunk-size-mb=8", `${at("from")}/`, "s3://uploads/s3cmd/");
    complete("s3cmd/");
    await s3cmd("sync", "s3://uploads/s3cmd/", `${at("s3cmd")}/`);
    await same("s3cmd");
  }, 180_000);

  test("finds the region by itself when it is set to another", async () => {
    await s3cmd("put", "--server-side-encryption", at("from", "plain.txt"), "s3://uploads/s3cmd3/a.txt");
    expect(await inRegion("eu-west-1", ["ls", "s3://uploads/s3cmd3/"])).toContain("s3cmd3/a.txt");
    expect(await inRegion("eu-west-1", ["ls"])).toContain("s3://uploads");
    await s3cmd("del", "s3://uploads/s3cmd3/a.txt");
  }, 180_000);

  test("puts, lists, copies, moves and removes", async () => {
    await s3cmd("put", at("from", "plain.txt"), "s3://uploads/s3cmd2/a b.txt");
    await s3cmd("cp", "s3://uploads/s3cmd2/a b.txt", "s3://uploads/s3cmd2/ü.txt");
    await s3cmd("mv", "s3://uploads/s3cmd2/ü.txt", "s3://uploads/s3cmd2/moved.txt");
    expect(await s3cmd("ls", "s3://uploads/s3cmd2/")).toMatch(/a b\.txt\n.*moved\.txt\n$/);
    await s3cmd("del", "--recursive", "--force", "s3://uploads/s3cmd2/");
    expect(etags("s3cmd2/").size).toBe(0);
  }, 180_000);
});

describeWith("rclone", "rclone", () => {
  const rclone = (...args: string[]) => {
    const remote = [
      "--s3-provider=Other",
      `--s3-endpoint=${s3.url}`,
      "--s3-region=us-east-1",
      "--s3-force-path-style=true",
    ];
    const key = [`--s3-access-key-id=${keys.accessKeyId}`, `--s3-secret-access-key=${keys.secretAccessKey}`];
    return run("rclone", [
      "--config=/dev/null",
      "--retries=1",
      "--s3-upload-cutoff=8M",
      "--s3-chunk-size=5M",
      ...remote,
      ...key,
      ...args,
    ]);
  };

  test("copies a folder up and down, checks it by its hashes, moves and removes it", async () => {
    await rclone("copy", at("from"), ":s3:uploads/rclone");
    complete("rclone/");
    await rclone("check", at("from"), ":s3:uploads/rclone");
    await rclone("copy", ":s3:uploads/rclone", at("rclone"));
    await same("rclone");
    await rclone("moveto", ":s3:uploads/rclone/plain.txt", ":s3:uploads/rclone/moved.txt");
    expect(await rclone("lsf", "--recursive", ":s3:uploads/rclone")).toContain("moved.txt");
    await rclone("purge", ":s3:uploads/rclone");
    expect(etags("rclone/").size).toBe(0);
  }, 180_000);
});
