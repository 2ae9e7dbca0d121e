import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

/** Node's arguments for `npm start`, after a shell that mounts a disk of 24 MB, and fills and frees it by command. */
const smallDisk = `
mount -t tmpfs -o size=24m tmpfs "$DATA_DIR" || exit 9
"$@" </dev/null &
while read -r line; do
  case $line in
    fill) cat /dev/zero 2>/dev/null >"$DATA_DIR/filler"; echo "filled" ;;
    free) rm "$DATA_DIR/filler"; echo "freed" ;;
  esac
done
kill $!
wait`;

/** Runs a command in new user and mount namespaces, in which mounting needs no privileges. */
const namespace = ["unshare", "-Urm"] as const;

const canMount =
  spawnSync(namespace[0], [namespace[1], "mount", "-t", "tmpfs", "tmpfs", tmpdir()], { stdio: "ignore" })
    .status === 0;

const main = fileURLToPath(new URL("../../../local/src/main.ts", import.meta.url));
const { PATH = "", HOME = "" } = process.env;
const environment = { PATH, HOME, PORT: "0", S3_PORT: "0", DYNAMODB_PORT: "0", TRASH_DAYS: "0" };
const needs = canMount ? "" : " (needs user namespaces)";

test.skipIf(!canMount)(`a full disk is a 503 that may be repeated, and nothing is lost${needs}`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "disk-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const shell = spawn(namespace[0], [namespace[1], "sh", "-c", smallDisk, "sh", process.execPath, main], {
    env: { ...environment, DATA_DIR: folder },
  });
  let printed = "";
  shell.stdout.setEncoding("utf8").on("data", (part: string) => {
    printed += part;
  });
  const has = (text: string) => expect.poll(() => printed, { timeout: 30_000 }).toContain(text);
  const ended = new Promise((done) => shell.once("exit", done));
  onTestFinished(async () => {
    shell.stdin.end();
    await ended;
  });
  await has("Ctrl-C stops it");
  const url = /API +(http:\/\/[\d.:]+)/.exec(printed)?.[1] ?? "";
  const send = (method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object) =>
    fetch(url + path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: JSON.stringify(body),
    });
  const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1000 };
  const { id } = await (await send("POST", "/images", file)).json();

  shell.stdin.write("fill\n");
  await has("filled");
  const form = new FormData();
  form.set("file", new File([new Uint8Array(20_000)], "a.jpg", { type: "image/jpeg" }));
  for (const response of [
    await send("POST", "/images", file),
    await send("PATCH", `/images/${id}`, { title: "Full" }),
    await send("DELETE", `/images/${id}`),
    await fetch(`${url}/images`, { method: "POST", body: form }),
  ]) {
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await response.json()).toMatchObject({ code: "storage_unavailable" });
  }
  expect((await send("GET", `/images/${id}`)).status).toBe(200);

  shell.stdin.write("free\n");
  await has("freed");
  expect((await send("POST", "/images", file)).status).toBe(201);
  expect(await (await send("PATCH", `/images/${id}`, { title: "Free" })).json()).toMatchObject({
    title: "Free",
  });
});

test.skipIf(!canMount)(
  `a read-only data folder ends the start, with a message that names it${needs}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "disk-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const readOnly = 'mount -t tmpfs -o ro tmpfs "$0" && exec "$@"';
    for (const dataDir of [folder, join(folder, "new")]) {
      const { status, stderr, stdout } = spawnSync(
        namespace[0],
        [namespace[1], "sh", "-c", readOnly, folder, process.execPath, main],
        { env: { ...environment, DATA_DIR: dataDir }, encoding: "utf8" },
      );
      expect([status, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(`The data folder ${dataDir} cannot be used: EROFS: read-only file system`);
      expect(stderr).toContain("Set DATA_DIR to a folder that can be written.");
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  },
);
