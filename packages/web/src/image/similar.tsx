/** Images that look like the shown one: copies, and duplicates of another size or format. */
import type { Image } from "@image-pipeline/client";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.ts";
import { nameOf, previewOf } from "../gallery/tile.ts";
import { format } from "../route.ts";
import { go, route } from "../router.ts";

/** Most images that are shown. */
const limit = 12;

type Found = Awaited<ReturnType<typeof api.images.similar>>;

/** Thumbnails of similar images, which lead to them. Empty without any, and after an error: the image itself is shown. */
export function Similar({ image }: { image: Image }) {
  const { id, source } = image;
  const { perceptualHash } = source;
  const [found, setFound] = useState<Found | undefined>(undefined);
  useEffect(() => {
    setFound(undefined);
    if (!perceptualHash) return;
    const stopped = new AbortController();
    const { signal } = stopped;
    api.images.similar(id, { limit, signal }).then(setFound, () => undefined);
    return () => stopped.abort();
  }, [id, perceptualHash]);
  if (!found?.items.length) return null;
  return (
    <section aria-labelledby="similar">
      <h3 id="similar">Similar images</h3>
      <ul class="similar">
        {found.items.map(({ distance, image: other }) => {
          const { thumbnail } = other.variants ?? {};
          const name = `${nameOf(other)}${distance === 0 ? ", looks the same" : ""}`;
          return (
            <li key={other.id}>
              <a
                href={format({ ...route.value, imageID: other.id })}
                title={name}
                onClick={(event) => {
                  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                  event.preventDefault();
                  go({ imageID: other.id }, { replace: true });
                }}
              >
                <img
                  src={thumbnail?.url}
                  alt={name}
                  loading="lazy"
                  style={{ backgroundImage: previewOf(other.placeholder?.thumbhash) }}
                />
              </a>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
