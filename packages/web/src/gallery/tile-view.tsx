/** One image in the grid: its blurred preview, then the picture; or how far it is, or why there is none. */
import { Component } from "preact";
import { route } from "../address.ts";
import { Icon } from "../icons.tsx";
import { format } from "../route.ts";
import { transferOf } from "../upload/transfers.ts";
import { wordsFor } from "../words.ts";
import { previewOf } from "./placeholder.ts";
import type { Box } from "./rows.ts";
import { isUnfinished, type Tile } from "./tile.ts";

export type Props = {
  tile: Tile;
  box: Box;
  index: number;
  /** Of how many; -1 where nobody knows yet. */
  count: number;
  /** Whether the Tab key leads here. */
  isActive: boolean;
};

/** Drawn anew only when something about it has changed: while somebody scrolls, hardly anything has. */
export class TileView extends Component<Props> {
  override shouldComponentUpdate(next: Props) {
    const { tile, box, index, count, isActive } = this.props;
    return (
      next.tile !== tile ||
      next.index !== index ||
      next.count !== count ||
      next.isActive !== isActive ||
      next.box.x !== box.x ||
      next.box.y !== box.y ||
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
          transform: `translate(${box.x}px, ${box.y}px)`,
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
        >
          <Picture tile={tile} width={box.width} />
          {tile.src ? (
            <span class="caption" aria-hidden="true">
              {label}
            </span>
          ) : null}
        </a>
      </li>
    );
  }
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
          ref={showIfThere}
          onLoad={show}
        />
        {isUnfinished(tile) ? <Badge>Being made again</Badge> : null}
      </>
    );
  }
  if (isUnfinished(tile)) {
    return (
      <>
        {preview ? (
          <img class="shown faint" src={preview} alt={alt} draggable={false} onError={hide} />
        ) : null}
        {preview ? null : <span class="hidden-label">{label}</span>}
        <Badge>{status === "pending" ? "Waiting for its bytes" : "Making its sizes"}</Badge>
      </>
    );
  }
  return (
    <span class="notice">
      <Icon name="alert" />
      <strong>{wordsFor(code).what}</strong>
      <span class="name">{label}</span>
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

/** From the browser's own cache it is there at once, and must not be faded in. */
function showIfThere(image: HTMLImageElement | null) {
  if (image?.complete && image.naturalWidth > 0) image.classList.add("shown");
}

function hide({ currentTarget }: { currentTarget: EventTarget }) {
  if (currentTarget instanceof HTMLElement) currentTarget.hidden = true;
}
