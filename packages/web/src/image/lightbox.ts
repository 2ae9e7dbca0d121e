/** Full-screen view with zoom and swipe gestures: PhotoSwipe, loaded on first use. */
import { iconHTML } from "../controls.tsx";
import { list, tiles } from "../gallery/list.ts";
import type { Tile } from "../gallery/tile.ts";
import { go } from "../router.ts";

/** Returns true while the lightbox is open. */
export const isLightboxOpen = () => document.querySelector(".pswp") !== null;

/** Opens the lightbox inside `within` at an image of the gallery. The route follows the shown image. */
export async function openLightbox(within: HTMLElement, id: string): Promise<void> {
  const [{ default: PhotoSwipe }] = await Promise.all([
    import("photoswipe"),
    import("photoswipe/photoswipe.css"),
  ]);
  const shown = tiles.peek().filter(({ largest }) => largest);
  const lightbox = new PhotoSwipe({
    dataSource: shown.map(slideOf),
    index: Math.max(
      0,
      shown.findIndex((tile) => tile.id === id),
    ),
    appendToEl: within,
    bgOpacity: 1,
    loop: false,
    showHideAnimationType: matchMedia("(prefers-reduced-motion: reduce)").matches ? "none" : "fade",
    closeSVG: iconHTML("close"),
    zoomSVG: iconHTML("zoom"),
    arrowPrevSVG: iconHTML("back"),
    arrowNextSVG: iconHTML("next"),
    closeTitle: "Close",
    zoomTitle: "Zoom",
    arrowPrevTitle: "Newer image",
    arrowNextTitle: "Older image",
  });
  lightbox.on("change", () => {
    const tile = shown[lightbox.currIndex];
    if (tile) go({ imageID: tile.id }, { replace: true });
    if (lightbox.currIndex > shown.length - 4) void list.peek().more();
  });
  lightbox.init();
}

const slideOf = ({ src, srcset, largest, alt }: Tile) => ({
  src: largest?.url,
  srcset,
  msrc: src,
  width: largest?.width,
  height: largest?.height,
  alt,
});
