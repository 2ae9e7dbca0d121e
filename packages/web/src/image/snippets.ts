/** Code that shows an image, for HTML, React, Swift and Kotlin. */
import type { Image } from "@image-pipeline/client";
import { srcset } from "@image-pipeline/client/show";

/** A snippet and the platform's name. */
export type Snippet = { name: string; text: string };

/** Returns a snippet for each platform; none for an image without variants. */
export function snippetsOf(image: Image): Snippet[] {
  const { variants = {}, placeholder } = image;
  const shown = variants.medium ?? variants.large ?? variants.small;
  if (!shown) return [];
  const { url, width, height } = shown;
  const alt = image.alt ?? "";
  const html = `<img
  src="${url}"
  srcset="${srcset(image).replaceAll(", ", ",\n          ")}"
  sizes="(min-width: 60rem) 50vw, 100vw"
  width="${width}" height="${height}"
  alt="${escapeHTML(alt)}"
/>`;
  const react = `import { createClient } from "@image-pipeline/client";
import { srcset } from "@image-pipeline/client/show";

const { images } = createClient({ baseUrl: "${new URL(url).origin}", token });
const image = await images.get("${image.id}");

<img
  src={image.variants?.medium?.url}
  srcSet={srcset(image)}
  sizes="(min-width: 60rem) 50vw, 100vw"
  width={${width}} height={${height}}
  alt={image.alt ?? ""}
/>`;
  const swift = `AsyncImage(url: URL(string: "${url}")) { image in
  image.resizable().scaledToFit()
} placeholder: {
  Color(${swiftColor(placeholder?.color)})
}
.aspectRatio(${width} / ${height}, contentMode: .fit)
.accessibilityLabel(${JSON.stringify(alt)})`;
  const kotlin = `AsyncImage(
  model = "${url}",
  contentDescription = ${kotlinText(alt)},
  placeholder = ColorPainter(Color(0xFF${(placeholder?.color ?? "#888888").slice(1).toUpperCase()})),
  modifier = Modifier.aspectRatio(${width}f / ${height}f),
)`;
  return [
    { name: "HTML", text: html },
    { name: "React", text: react },
    { name: "Swift", text: swift },
    { name: "Kotlin", text: kotlin },
  ];
}

const escapeHTML = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

/** Escapes `$`, which begins a template expression in Kotlin. */
const kotlinText = (text: string) => JSON.stringify(text).replaceAll("$", "\\$");

function swiftColor(color = "#888888"): string {
  const [red, green, blue] = [1, 3, 5].map((at) =>
    (Number.parseInt(color.slice(at, at + 2), 16) / 255).toFixed(2),
  );
  return `red: ${red}, green: ${green}, blue: ${blue}`;
}
