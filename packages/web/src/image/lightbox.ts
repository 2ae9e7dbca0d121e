/** The pictures of the gallery one by one, alone on the screen, to be zoomed and swiped: PhotoSwipe, loaded when first wanted. */

import { go } from "../address.ts";
import { list, tiles } from "../gallery/current.ts";
import type { Tile } from "../gallery/tile.ts";
import { iconHTML } from "../icons.tsx";

/** Whether a picture is shown alone at the moment. */
export const isLightboxOpen = () => document.querySelector(".pswp") !== null;

/** Opens on one image of the gallery, on top of whatever `within` shows. The page follows from picture to picture. */
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
