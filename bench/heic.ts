/** CPU of a phone's HEIC compared with the same photo as JPEG. Needs heif-enc and heif-convert (libheif-examples). */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeHeic } from "../packages/core/src/engine/heic.ts";
import { render } from "../packages/core/src/engine/render.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { cpuOf, cpuOfChildren, has, interleave, mean, ratioOf, roundsOf, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";

const limits = { ...Settings.pipelineDefaults, decodeSecondsMax: 300 };
const most = 1;

/** Measures one photo and returns the table. */
export async function run(): Promise<string> {
  if (!has("heif-enc", "--version")) return "**Missing: heif-enc** (apt-get install libheif-examples).";
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    const inputs = (await photos(12, { most })).map((jpeg, i) => {
      const [from, path] = [join(dir, `${i}.jpg`), join(dir, `${i}.heic`)];
      writeFileSync(from, jpeg);
      execFileSync("heif-enc", ["-q", "60", from, "-o", path], { stdio: "ignore" });
      return { jpeg, heic: readFileSync(path), path };
    });
    const samples = await interleave(
      [
        { name: "heic", run: ({ heic }) => render(heic, limits) },
        { name: "decoder", run: ({ heic }) => decodeHeic(heic, 13_000_000, 60) },
        { name: "jpeg", run: ({ jpeg }) => render(jpeg, limits) },
      ],
      inputs,
      roundsOf(3),
    );
    const row = (what: string, of: string) => [
      what,
      cpuOf(samples, of).toFixed(0),
      ratioOf(samples, of, "jpeg").toFixed(2),
    ];
    const rows = [
      row("engine, the photo as JPEG", "jpeg"),
      row("engine, as HEIC", "heic"),
      row("of which the decoder, WebAssembly in a thread", "decoder"),
    ];
    const native = inputs.map(({ path }) => {
      const before = cpuOfChildren();
      for (let i = 0; i < 3; i++) execFileSync("heif-convert", [path, `${path}.jpg`], { stdio: "ignore" });
      return (cpuOfChildren() - before) / 3;
    });
    const name = "heif-convert: the same libraries as native code, and a JPEG of 12 MP written";
    rows.push([name, mean(native).toFixed(0), (mean(native) / cpuOf(samples, "jpeg")).toFixed(2)]);
    const megabytes = inputs.map(({ heic }) => (heic.length / 1e6).toFixed(1)).join(", ");
    return [
      `A 12 MP photo as HEIC (${provenance(most)}; heif-enc -q 60, ${megabytes} MB), by the default recipe:`,
      "",
      table(["", "CPU ms", "relative to JPEG"], rows),
    ].join("\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
