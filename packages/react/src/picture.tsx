/** @jsxImportSource react */
/** Picture of an image. Has no state: renders in Server Components, on servers and in browsers. */
import type { Image, VariantName } from "@image-pipeline/client";
import { thumbhashURL } from "@image-pipeline/client/placeholder";
import { sizesOf, sources, srcset } from "@image-pipeline/client/show";
import type { ComponentPropsWithoutRef, CSSProperties, ReactElement } from "react";
import { Fade } from "./fade.tsx";

/** Props of `Picture`. `className` and `style` apply to the box, all other attributes to its `<img>`. */
export type PictureProps = Omit<
  ComponentPropsWithoutRef<"img">,
  "children" | "height" | "placeholder" | "src" | "srcSet" | "width"
> & {
  image: Pick<Image, "alt" | "placeholder" | "source" | "variants">;
  /**
   * Shape and maximum width of the files.
   * @default the widest variant that is not cropped
   */
  variant?: VariantName;
  /**
   * CSS width of the picture, from which the browser picks a file.
   * @default "auto, 100vw" for lazy pictures (Chromium measures the box), otherwise "100vw"
   * @example "(min-width: 60rem) 50vw, 100vw"
   */
  sizes?: string;
  /**
   * Preview until a file is loaded. `thumbhash` adds about 4 KB to HTML that a server renders (2.9 KB gzipped). A
   * damaged ThumbHash is replaced by the colour.
   * @default "thumbhash"
   */
  placeholder?: "thumbhash" | "color" | "none";
  /**
   * Duration of the fade from the placeholder, in milliseconds. HTML of a server does not fade.
   * @default 300
   */
  fadeMs?: number;
};

/**
 * Shows an image in a box that has its aspect ratio before any file is loaded, and fills the width of its container.
 * Until the image has variants, shows the placeholder alone.
 */
export function Picture(props: PictureProps): ReactElement {
  const {
    image,
    variant,
    placeholder = "thumbhash",
    alt = image.alt ?? "",
    loading = "lazy",
    sizes = loading === "lazy" ? "auto, 100vw" : "100vw",
    fadeMs = 300,
    className,
    style,
    ...rest
  } = props;
  const largest = sizesOf(image, variant).at(-1);
  const { width, height } = largest ?? image.source;
  const box: CSSProperties = {
    display: "block",
    overflow: "hidden",
    aspectRatio: width && height ? `${width} / ${height}` : undefined,
  };
  const backdrop = backdropOf(image, placeholder);
  if (!largest) {
    const label = alt ? { role: "img", "aria-label": alt } : { "aria-hidden": true };
    return <span {...label} className={className} style={{ ...box, ...backdrop, ...style }} />;
  }
  return (
    <Fade
      key={largest.url}
      box={{ className, style: { ...box, ...style } }}
      backdrop={backdrop}
      sources={sources(image, variant)}
      fadeMs={fadeMs}
      image={{
        decoding: "async",
        ...rest,
        // Before `src`: Safari starts to load as soon as it has a `src`.
        loading,
        sizes,
        srcSet: srcset(image, variant),
        src: largest.url,
        width,
        height,
        alt,
      }}
    />
  );
}

function backdropOf(
  { placeholder }: PictureProps["image"],
  kind: NonNullable<PictureProps["placeholder"]>,
): CSSProperties {
  if (!placeholder || kind === "none") return {};
  const color = { backgroundColor: placeholder.color };
  if (kind === "color") return color;
  try {
    return {
      backgroundImage: `url("${thumbhashURL(placeholder.thumbhash)}")`,
      backgroundPosition: "center",
      backgroundSize: "cover",
    };
  } catch {
    return color;
  }
}
