/** What part of an element is in the browser's window. */
import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** In CSS pixels from the element's own top; `width` is the element's. */
export type Seen = { top: number; bottom: number; width: number };

/** Whoever looks is told every so many pixels, and not with every frame. */
const stepPixels = 160;

/** Follows scrolling and every change of size. `bottom - top` is the window's height, in steps. */
export function useWindow(element: RefObject<HTMLElement | null>) {
  const seen = useSignal<Seen>({ top: 0, bottom: 0, width: 0 });
  useLayoutEffect(() => {
    const shown = element.current;
    if (!shown) return;
    const measure = () => {
      const box = shown.getBoundingClientRect();
      const top = Math.floor(-box.top / stepPixels) * stepPixels;
      const bottom = top + Math.ceil(innerHeight / stepPixels + 1) * stepPixels;
      const width = Math.floor(box.width);
      const before = seen.peek();
      if (before.top !== top || before.bottom !== bottom || before.width !== width) {
        seen.value = { top, bottom, width };
      }
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(shown);
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      observer.disconnect();
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, [element, seen]);
  return seen;
}
