import { Picture, useImages, useUploads } from "@image-pipeline/react";
import { client, uploads } from "./images.ts";
import { Processing } from "./processing.tsx";

/** Images that are ready, newest first. */
export function Gallery() {
  const { images, error, hasMore, isLoading, loadMore, refresh } = useImages(client, { status: "ready" });
  const uploaded = useUploads(uploads).filter(({ state }) => state === "uploaded");
  return (
    <section>
      {uploaded.map((upload) => (
        <Processing key={upload.id} upload={upload} onReady={refresh} />
      ))}
      {error && <p role="alert">{error.message}</p>}
      <div className="grid">
        {images.map((image) => (
          <Picture key={image.id} image={image} sizes="(min-width: 40rem) 20rem, 100vw" />
        ))}
      </div>
      {hasMore && images.length > 0 && (
        <button type="button" className="button" disabled={isLoading} onClick={loadMore}>
          More
        </button>
      )}
    </section>
  );
}
