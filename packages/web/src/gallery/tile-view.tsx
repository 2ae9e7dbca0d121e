/** A tile of the grid: placeholder, then the image; or its state, or its error. */
import { Component } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "../controls.tsx";
import { untilThen } from "../format.ts";
import { format } from "../route.ts";
import { route } from "../router.ts";
import { isInterrupted } from "../upload/interrupted.ts";
import { transferOf } from "../upload/transfers.ts";
import { deferred, importing, notUploaded, statusNames, wordsFor } from "../words.ts";
import type { Box } from "./layout.ts";
import { isSelecting, selected, toggle } from "./selection.tsx";
import { isTrashed, isUnfinished, previewOf, type Tile } from "./tile.ts";

type Props = {
  tile: Tile;
  box: Box;
  index: number;
  /** Number of images in the list; -1 while it is unknown (as `aria-setsize` wants it). */
  count: number;
  /** True for the one tile that is a tab stop. */
  isActive: boolean;
};

/** Renders one tile. Compares its props by value, because each layout makes new boxes: scrolling renders new tiles only. */
export class TileView extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    const { tile, box, index, count, isActive } = this.props;
    return (
      next.tile !== tile ||
      next.index !== index ||
      next.count !== count ||
      next.isActive !== isActive ||
      next.box.left !== box.left ||
      next.box.top !== box.top ||
      next.box.width !== box.width ||
      next.box.height !== box.height
    );
  }

  override render({ tile, box, index, count, isActive }: Props) {
    const { id, label, thumbhash, color } = tile;
    return (
      <li
        aria-posinset={index + 1}
        aria-setsize={count}
        style={{
          transform: `translate(${box.left}px, ${box.top}px)`,
          width: `${box.width}px`,
          height: `${box.height}px`,
          backgroundColor: color,
          backgroundImage: previewOf(thumbhash),
        }}
      >
        <a
          class="tile"
          href={format({ ...route.peek(), page: "gallery", imageID: id })}
          tabIndex={isActive ? 0 : -1}
          data-index={index}
          onClick={(event) => {
            if (!isSelecting.peek()) return;
            event.preventDefault();
            toggle(id, { isRange: event.shiftKey });
          }}
        >
          <Picture tile={tile} width={box.width} />
          {tile.src ? (
            <span class="caption truncate" aria-hidden="true">
              {tile.isPrivate ? `🔒 ${label}` : label}
            </span>
          ) : null}
        </a>
        <Checkbox id={id} label={label} />
      </li>
    );
  }
}

/** Selects the image. Not a tab stop: the space bar does the same on the focused tile. */
function Checkbox({ id, label }: { id: string; label: string }) {
  return (
    <input
      type="checkbox"
      class="pick"
      tabIndex={-1}
      aria-label={`Select ${label}`}
      checked={selected.value.has(id)}
      onClick={(event) => toggle(id, { isRange: event.shiftKey })}
    />
  );
}

function Picture({ tile, width }: { tile: Tile; width: number }) {
  const { id, status, src, srcset, alt, label, code } = tile;
  const preview = transferOf.value.get(id)?.preview;
  if (src) {
    return (
      <>
        <img
          key={src}
          src={src}
          srcset={srcset}
          sizes={`${width}px`}
          alt={alt}
          decoding="async"
          draggable={false}
          ref={showIfComplete}
          onLoad={show}
        />
        {isUnfinished(tile) ? <Badge>{tile.deferredUntil ? deferred.what : "Processing"}</Badge> : null}
      </>
    );
  }
  if (isTrashed(tile)) {
    return (
      <span class="caption trashed">
        <span class="truncate">{label}</span>{" "}
        {tile.trashedUntil ? <small>Deleted {untilThen(tile.trashedUntil)}</small> : null}
      </span>
    );
  }
  if (isUnfinished(tile) && !isInterrupted(tile)) {
    return (
      <>
        {preview ? <Preview key={preview} src={preview} alt={alt} /> : <Unknown label={label} />}
        <Badge>{tile.deferredUntil ? deferred.what : tile.isImport ? importing : statusNames[status]}</Badge>
      </>
    );
  }
  return (
    <span class="notice">
      <Icon name="alert" />
      <strong>{isUnfinished(tile) ? notUploaded.what : wordsFor(code).what}</strong>
      <span class="name truncate">{label}</span>
    </span>
  );
}

/** The file that is being uploaded; an icon and its name if the browser cannot decode it, such as HEIC. */
function Preview({ src, alt }: { src: string; alt: string }) {
  const [isShowable, setShowable] = useState(true);
  if (!isShowable) return <Unknown label={alt} />;
  return <img class="shown faint" src={src} alt={alt} draggable={false} onError={() => setShowable(false)} />;
}

function Unknown({ label }: { label: string }) {
  return (
    <span class="notice">
      <Icon name="picture" />
      <span class="name truncate">{label}</span>
    </span>
  );
}

function Badge({ children }: { children: string }) {
  return (
    <span class="badge">
      <i class="spinner" aria-hidden="true" />
      {children}
    </span>
  );
}

function show({ currentTarget }: { currentTarget: EventTarget }) {
  if (currentTarget instanceof Element) currentTarget.classList.add("shown");
}

/** Covers images from the browser's cache, whose `load` event may precede the listener. */
function showIfComplete(image: HTMLImageElement | null) {
  if (image?.complete && image.naturalWidth > 0) image.classList.add("shown");
}
