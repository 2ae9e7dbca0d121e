import { expect, test } from "vitest";
import { Settings } from "../settings.ts";
import { hostile } from "./fixture-hostile.ts";
import type { Rejection } from "./rejection.ts";
import { render } from "./render.ts";

test.each(Object.entries(hostile).map(([name, { ends, make }]) => ({ name, ends, make })))(
  "$name: $ends",
  async ({ make, ends }) => {
    const bytes = await make();
    const ended = await render(bytes, Settings.pipelineDefaults).then(
      () => "ready",
      (error: Rejection | Error) => ("code" in error ? error.code : error),
    );
    expect(ended).toBe(ends);
  },
);

test("nothing of what was hidden in a picture is in what is made of it", async () => {
  for (const name of [
    "jpeg: web page in a comment",
    "jpeg: archive behind it",
    "png: program behind it",
    "gif: script",
  ]) {
    const bytes = await hostile[name]?.make();
    if (!bytes) throw new Error(`There is no ${name}.`);
    for (const { files } of (await render(bytes, Settings.pipelineDefaults)).variants) {
      for (const payload of ["script", "PK\x03\x04", "<?php", "alert"])
        expect(files.some((file) => file.bytes.includes(payload))).toBe(false);
    }
  }
});
