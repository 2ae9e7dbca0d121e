/** @jsxImportSource react */
"use client";
/** Part of `Picture` that runs in the browser: fades the image in and then removes the placeholder. */
import {
  type ComponentPropsWithoutRef,
  type CSSProperties,
  type ReactElement,
  useState,
  useSyncExternalStore,
} from "react";

type Props = {
  box: { className?: string; style: CSSProperties };
  backdrop: CSSProperties;
  sources: readonly { type: string; srcset: string }[];
  fadeMs: number;
  image: ComponentPropsWithoutRef<"img">;
};

/** `plain`: HTML of a server, visible while it loads, so that it needs no script. */
type Phase = "plain" | "waiting" | "fading" | "shown";

const never = () => () => undefined;

/** Renders the `<picture>`. An image that is complete at once, from the cache, does not fade. */
export function Fade({ box, backdrop, sources, fadeMs, image }: Props): ReactElement {
  const isHydrating = useSyncExternalStore(
    never,
    () => false,
    () => true,
  );
  const [phase, setPhase] = useState<Phase>(isHydrating || fadeMs <= 0 ? "plain" : "waiting");
  return (
    <picture
      className={box.className}
      style={{ ...(phase === "shown" ? undefined : backdrop), ...box.style }}
    >
      {sources.map(({ type, srcset }) => (
        <source key={type} type={type} srcSet={srcset} sizes={image.sizes} />
      ))}
      {/* biome-ignore lint/a11y/useAltText: `image` has it. */}
      <img
        {...image}
        ref={(element) => {
          // The `load` event of an image in the cache may precede hydration.
          if (element?.complete && element.naturalWidth > 0)
            setPhase((current) => (current === "fading" ? current : "shown"));
        }}
        style={{
          display: "block",
          width: "100%",
          height: "100%",
          objectFit: "cover",
          ...(phase === "waiting" ? { opacity: 0 } : undefined),
          ...(phase === "fading" ? { opacity: 1, transition: `opacity ${fadeMs}ms` } : undefined),
        }}
        onLoad={(event) => {
          setPhase((current) => (current === "waiting" ? "fading" : current === "plain" ? "shown" : current));
          image.onLoad?.(event);
        }}
        onError={(event) => {
          // Shows the alternative text.
          setPhase("plain");
          image.onError?.(event);
        }}
        onTransitionEnd={(event) => {
          setPhase((current) => (current === "fading" ? "shown" : current));
          image.onTransitionEnd?.(event);
        }}
      />
    </picture>
  );
}
