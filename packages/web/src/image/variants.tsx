/** Every file that was made of an image. */
import type { Image } from "@image-pipeline/client/client";
import { bytes, formatName } from "../format.ts";
import { Copy } from "./copy.tsx";

export function Variants({ image }: { image: Image }) {
  const variants = Object.entries(image.variants ?? {}).flatMap(([name, variant]) =>
    variant ? [{ name, ...variant }] : [],
  );
  if (variants.length === 0) return null;
  const formats = new Set(variants.map(({ format }) => format));
  const [only] = formats.size === 1 ? formats : [];
  return (
    <section aria-labelledby="variants">
      <h3 id="variants">Variants{only ? `, ${formatName(only)}` : ""}</h3>
      <table class="variants">
        <thead class="hidden-label">
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Pixels</th>
            <th scope="col">Bytes</th>
            <th scope="col">Address</th>
          </tr>
        </thead>
        <tbody>
          {variants.map(({ name, url, width, height, format, bytes: count }) => (
            <tr key={name}>
              <th scope="row">
                <a href={url} target="_blank" rel="noreferrer">
                  {name}
                </a>
              </th>
              <td>
                {width} × {height}
              </td>
              <td>
                {bytes(count)}
                {only ? "" : ` ${formatName(format)}`}
              </td>
              <td>
                <Copy text={url} label={`Copy the address of ${name}`} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
