/** Tests that need a program which npm does not install: a browser, an S3 client, exiftool. */
import { spawnSync } from "node:child_process";
import { describe } from "vitest";
import { chromiumPath } from "./browser.fixture.ts";

const runs = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** The interpreter that Debian's Python packages belong to. */
export const debianPython = "/usr/bin/python3";

/** Programs: a check that it is installed, and the Debian package that provides it. */
const programs = {
  aws: [() => runs("aws", "--version"), "awscli"],
  boto3: [() => runs("python3", "-c", "import boto3"), "python3-boto3"],
  curl: [() => runs("curl", "--version"), "curl"],
  chromium: [() => chromiumPath !== undefined, "chromium"],
  exiftool: [() => runs("exiftool", "-ver"), "libimage-exiftool-perl"],
  go: [() => runs("go", "version"), "golang-go"],
  jdk: [() => runs("javac", "-version"), "default-jdk-headless"],
  maven: [() => runs("mvn", "--version"), "maven"],
  openssl: [() => runs("openssl", "version"), "openssl"],
  pillow: [() => runs(debianPython, "-c", "import PIL"), "python3-pil"],
  rclone: [() => runs("rclone", "version"), "rclone"],
  s3cmd: [() => runs("s3cmd", "--version"), "s3cmd"],
  venv: [() => runs("python3", "-c", "import ensurepip"), "python3-venv"],
} as const satisfies Record<string, readonly [() => boolean, string]>;

type Program = keyof typeof programs;

/** Returns nothing if a program is installed, otherwise the end of a title, which the reporter of skips reads. */
export function lacks(program: Program): string | undefined {
  const [isInstalled, debian] = programs[program];
  return isInstalled() ? undefined : ` (needs ${program}: apt-get install ${debian})`;
}

/** Groups tests that need one program or several, and skips them where one is not installed. */
export function describeWith(needed: Program | readonly Program[], title: string, tests: () => void): void {
  const lack = [needed].flat().map(lacks).find(Boolean);
  describe.skipIf(lack)(`${title}${lack ?? ""}`, tests);
}
