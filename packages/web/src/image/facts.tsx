/** What the pipeline found out about the original. */
import type { Image } from "@image-pipeline/client/client";
import { bytes, formatName, moment, number, taken } from "../format.ts";

export function Facts({ image }: { image: Image }) {
  const { source, owner, filename, createdAt, processedAt, metadata } = image;
  const { width, height, camera, lens, takenAt, location, frames = 1, alpha } = source;
  const kind = [
    source.format && formatName(source.format),
    frames > 1 ? `${frames} frames` : "",
    alpha ? "with transparency" : "",
  ];
  const facts: [string, string | undefined][] = [
    ["Taken", takenAt && taken(takenAt)],
    ["Camera", camera],
    ["Lens", lens],
    ["Place", location && `${location.latitude.toFixed(4)}, ${location.longitude.toFixed(4)}`],
    ["Size", width && height ? `${width} × ${height}, ${megapixels(width * height)}` : undefined],
    ["Original", [source.bytes === undefined ? "" : bytes(source.bytes), ...kind].filter(Boolean).join(", ")],
    ["File", filename ?? source.key],
    ["Added", moment(createdAt)],
    ["Processed", processedAt && moment(processedAt)],
    ["Owner", owner === "default" ? undefined : owner],
    ...Object.entries(metadata ?? {}),
    ["ID", image.id],
  ];
  return (
    <section aria-labelledby="facts">
      <h3 id="facts">Facts</h3>
      <dl class="facts">
        {facts.map(([name, value]) =>
          value ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </section>
  );
}

const megapixels = (pixels: number) =>
  `${number(Number((pixels / 1e6).toPrecision(pixels < 1e6 ? 1 : 2)))} MP`;
