/** The Kotlin of the library's README as a source file, and the Android libraries to compile it against. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const imports = `
import android.content.Context
import android.net.Uri
import androidx.work.*
import coil3.ImageLoader
import coil3.PlatformContext
import imagepipeline.coil.ThumbHashFetcher
import imagepipeline.coil.ThumbHashKeyer
import imagepipeline.model.ChangeList
import java.io.File
`;

/** Writes `target/readme` for the profile `readme` of the library: the code of its README, and WorkManager with its types. */
export async function writeReadme(library: string): Promise<void> {
  const folder = join(library, "target/readme");
  await mkdir(folder, { recursive: true });
  const text = await readFile(join(library, "README.md"), "utf8");
  const [start, , sync, worker, enqueue, coil] = [...text.matchAll(/```kotlin\n([\s\S]*?)```/g)].map(
    ([, code]) => code,
  );
  const source = `package imagepipeline.readme

import imagepipeline.*
${imports}
suspend fun start(folder: File, file: File, tokenOfSignedInUser: suspend () -> String) {
${start}}

fun uploads(context: Context): Uploads {
    val folder = File(context.filesDir, "uploads")
    return Uploads(Images("https://images.example.com"), FileStore(folder), folder)
}

${sync}
${worker}
${enqueue}
fun loader(context: PlatformContext): ImageLoader {
${coil}    return loader
}
`;
  await writeFile(join(folder, "Readme.kt"), source);
  const goal = ["dependency:copy", "--activate-profiles", "readme"];
  await run("mvn", ["--batch-mode", "--quiet", "--no-transfer-progress", ...goal], { cwd: library });
  await run("jar", ["xf", "work-runtime.aar", "classes.jar"], { cwd: folder });
}
