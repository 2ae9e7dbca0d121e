/** Props of `expo-image`. */
import type { Image, VariantName } from "@image-pipeline/client";
import { sizesOf } from "@image-pipeline/client/show";

/** Props of the `Image` of `expo-image`. Sizes in pixels. */
export type ExpoImage = {
  /** Files, narrowest first: `expo-image` loads the one that fits the size of the view and the density of the screen. */
  source: { uri: string; width: number; height: number }[];
  /** Preview until a file is loaded. Null for an image that has none. */
  placeholder: { thumbhash: string } | null;
  accessibilityLabel?: string;
  style: { aspectRatio?: number };
};

/**
 * Returns the props of `expo-image` for an image: the files in the shape of the variant `name`, or else all that are not
 * cropped. `source` is empty until the image is `ready`.
 *
 * @example
 * <Image {...expoImage(image)} contentFit="cover" />
 */
export function expoImage(
  image: Pick<Image, "alt" | "placeholder" | "source" | "variants">,
  name?: VariantName,
): ExpoImage {
  const files = sizesOf(image, name);
  const { width, height } = files.at(-1) ?? image.source;
  return {
    source: files.map((file) => ({ uri: file.url, width: file.width, height: file.height })),
    placeholder: image.placeholder ? { thumbhash: image.placeholder.thumbhash } : null,
    accessibilityLabel: image.alt,
    style: width && height ? { aspectRatio: width / height } : {},
  };
}
