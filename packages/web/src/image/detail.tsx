/** One image over the grid, with its details and actions. */
import type { Image } from "@image-pipeline/client";
import { thumbhashURL } from "@image-pipeline/client/placeholder";
import { srcset } from "@image-pipeline/client/show";
import { useEffect, useRef } from "preact/hooks";
import { Dialog, Icon } from "../controls.tsx";
import { untilThen } from "../format.ts";
import { list, tiles } from "../gallery/list.ts";
import { isTrashed, nameOf, previewOf, type Tile } from "../gallery/tile.ts";
import { closeImage, go, route } from "../router.ts";
import { isInterrupted } from "../upload/interrupted.ts";
import { transferOf } from "../upload/transfers.ts";
import { deferred, importing, notUploaded, statusNames, type Words, wordsFor, wordsOf } from "../words.ts";
import { Actions, Describe } from "./edit.tsx";
import { Facts, History } from "./facts.tsx";
import { Code, Variants } from "./files.tsx";
import { isLightboxOpen, openLightbox } from "./lightbox.ts";
import { useImage } from "./load.ts";
import { Similar } from "./similar.tsx";

/** The dialog of an image. Arrow keys move to its neighbours in the gallery. */
export function Detail({ id }: { id: string }) {
  const { image: loaded, events, error } = useImage(id);
  const all = tiles.value;
  const index = all.findIndex((tile) => tile.id === id);
  const tile = all[index];
  const image = loaded.value;
  const name = image ? nameOf(image) : (tile?.label ?? "Image");

  // Escape closes the lightbox first.
  const close = () => {
    if (!isLightboxOpen()) closeImage();
  };

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || isLightboxOpen()) return;
      if (
        event.target instanceof Element &&
        event.target.closest("input, textarea, pre, [role=tablist], .sheet")
      )
        return;
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, []);

  useEffect(() => {
    document.title = `${name} · Images`;
    return () => {
      document.title = "Images";
    };
  }, [name]);

  // Loads the next page before its first image is needed.
  useEffect(() => {
    if (index >= all.length - 3) void list.value.more();
  }, [index, all.length]);

  return (
    <Dialog class="detail" label={name} onClose={close}>
      <div class="detail-frame">
        <Stage id={id} image={image} tile={tile} />
        {all[index - 1] ? (
          <button type="button" class="step before" aria-label="Newer image" onClick={() => step(-1)}>
            <Icon name="back" />
          </button>
        ) : null}
        {index >= 0 && all[index + 1] ? (
          <button type="button" class="step after" aria-label="Older image" onClick={() => step(1)}>
            <Icon name="next" />
          </button>
        ) : null}
        <button type="button" class="quiet close" aria-label="Close" onClick={closeImage}>
          <Icon name="close" />
        </button>
        <div class="panel">
          {error.value && !image ? (
            <div class="empty" role="alert">
              <h2>{wordsOf(error.value).what}</h2>
              <p>{wordsOf(error.value).help}</p>
              <button type="button" class="button" onClick={closeImage}>
                Back to the gallery
              </button>
            </div>
          ) : null}
          {image ? (
            <>
              <Heading image={image} name={name} />
              {isTrashed(image) ? null : <Describe key={image.id} image={image} />}
              <Actions image={image} name={name} onRemoved={closeImage} />
              <Facts image={image} />
              {isTrashed(image) ? null : (
                <>
                  <Similar image={image} />
                  <Variants image={image} />
                  <Code image={image} />
                </>
              )}
              <History events={events.value} />
            </>
          ) : null}
        </div>
      </div>
    </Dialog>
  );
}

/** Goes to a neighbour of the current route's image, which may be ahead of the rendered one. */
function step(by: 1 | -1) {
  const shown = tiles.peek();
  const index = shown.findIndex(({ id }) => id === route.peek().imageID);
  const next = index < 0 ? undefined : shown[index + by];
  if (next) go({ imageID: next.id }, { replace: true });
}

function Heading({ image, name }: { image: Image; name: string }) {
  const { status, error, trash } = image;
  const isImport = status === "pending" && image.source.url !== undefined;
  const isMissing = isInterrupted(image);
  const why: Words | undefined = isMissing
    ? notUploaded
    : image.deferredUntil
      ? deferred
      : error
        ? wordsFor(error.code, error.message)
        : undefined;
  return (
    <header>
      <h2>{name}</h2>
      <p class={`status ${isMissing ? "failed" : status}`} role="status">
        {isMissing
          ? notUploaded.what
          : image.deferredUntil
            ? deferred.what
            : isImport
              ? importing
              : statusNames[status]}
      </p>
      {trash ? <p class="why">It is deleted {untilThen(trash.until)}, unless you restore it.</p> : null}
      {why ? (
        <p class="why">
          {isMissing || image.deferredUntil ? null : why.what} {why.help}
          {error && error.message !== why.what ? <small>{error.message}</small> : null}
        </p>
      ) : null}
    </header>
  );
}

/** The largest variant. A click or Enter opens it in the lightbox. */
function Stage({ id, image, tile }: { id: string; image?: Image; tile?: Tile }) {
  const button = useRef<HTMLButtonElement>(null);
  const largest = tile?.largest;
  const source = image?.variants?.large ?? image?.variants?.medium;
  const src = source?.url ?? tile?.src;
  const width = source?.width ?? largest?.width;
  const height = source?.height ?? largest?.height;
  const preview = transferOf.value.get(id)?.preview;
  const thumbhash = image?.placeholder?.thumbhash ?? tile?.thumbhash;
  const alt = image?.alt ?? tile?.alt ?? "";
  if (!src || !width || !height) {
    return (
      <div class="stage">
        {preview ? (
          <img class="shown" src={preview} alt={alt} />
        ) : thumbhash ? (
          // An image in the trash has no file any more.
          <img class="blurred" src={thumbhashURL(thumbhash)} alt={alt} />
        ) : (
          <Icon name="picture" />
        )}
      </div>
    );
  }
  return (
    <div class="stage">
      <button
        ref={button}
        type="button"
        aria-label={`${alt}. Open full screen`}
        onClick={() => {
          const within = button.current?.closest("dialog");
          if (within && tile) void openLightbox(within, id);
        }}
      >
        <img
          key={id}
          src={src}
          srcset={image ? srcset(image) : tile?.srcset}
          sizes="(min-width: 60rem) calc(100vw - 26rem), 100vw"
          width={width}
          height={height}
          alt=""
          style={{ backgroundImage: previewOf(thumbhash) }}
        />
      </button>
    </div>
  );
}
