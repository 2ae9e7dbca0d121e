/** The page: its head, the room that the route names, and what lies over every room. */
import { useEffect } from "preact/hooks";
import { route } from "./address.ts";
import { isReachable } from "./connection.ts";
import { Gallery } from "./gallery/gallery.tsx";
import { Icon } from "./icons.tsx";
import { Detail } from "./image/detail.tsx";
import { Operations } from "./operations/operations.tsx";
import { format } from "./route.ts";
import { SignIn } from "./sign-in.tsx";
import { Toasts } from "./toasts.tsx";
import { DropZone } from "./upload/drop-zone.tsx";
import { AddButton } from "./upload/pickers.tsx";
import { Tray } from "./upload/tray.tsx";

export function App() {
  const { page, imageID, filter } = route.value;
  useEffect(() => {
    if (!imageID) document.title = page === "operations" ? "Operations · Images" : "Images";
  }, [page, imageID]);
  return (
    <DropZone>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <header class="head">
        <a class="brand" href={format({ page: "gallery", filter: {} })}>
          <Icon name="picture" /> Images
        </a>
        <nav aria-label="Rooms">
          <a
            href={format({ page: "gallery", filter })}
            aria-current={page === "gallery" ? "page" : undefined}
          >
            Gallery
          </a>
          <a
            href={format({ page: "operations", filter: {} })}
            aria-current={page === "operations" ? "page" : undefined}
          >
            Operations
          </a>
        </nav>
        <AddButton />
      </header>
      <Offline />
      <main id="main" tabIndex={-1}>
        {page === "operations" ? <Operations /> : <Gallery />}
      </main>
      {page === "gallery" && imageID ? <Detail key="detail" id={imageID} /> : null}
      <Tray />
      <Toasts />
      <SignIn />
    </DropZone>
  );
}

function Offline() {
  return (
    <div role="status">
      {isReachable.value ? null : (
        <p class="offline">
          <Icon name="alert" /> The server cannot be reached. Everything goes on by itself when it is back.
        </p>
      )}
    </div>
  );
}
