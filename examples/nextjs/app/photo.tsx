"use client";
import type { Image as Uploaded } from "@image-pipeline/client";
import { thumbhashURL } from "@image-pipeline/client/placeholder";
import { nextLoader } from "@image-pipeline/client/show";
import Image from "next/image";

/** Image of the pipeline by `next/image`: its files are the variants, so that Next.js resizes nothing. */
export function Photo({ image }: { image: Uploaded }) {
  const { id, alt = "", placeholder, variants } = image;
  const large = variants?.large;
  if (!large || !placeholder) return null;
  return (
    <Image
      loader={nextLoader(image)}
      src={id}
      alt={alt}
      width={large.width}
      height={large.height}
      sizes="(min-width: 40rem) 20rem, 100vw"
      placeholder={thumbhashURL(placeholder.thumbhash) as `data:image/${string}`}
    />
  );
}
