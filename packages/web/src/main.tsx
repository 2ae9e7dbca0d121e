/** Entry of the page: header, the view of the route, and what is shown over every view. */
/// <reference types="vite/client" />
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { isReachable } from "./api.ts";
import { Icon } from "./controls.tsx";
import { Toasts } from "./deletion.tsx";
import { Gallery } from "./gallery/gallery.tsx";
import { Detail } from "./image/detail.tsx";
import { Operations } from "./operations/operations.tsx";
import { format } from "./route.ts";
import { route } from "./router.ts";
import { SignIn } from "./sign-in.tsx";
import { AddButton, DropZone } from "./upload/input.tsx";
import { Tray } from "./upload/tray.tsx";
import "./style/base.css";
import "./style/gallery.css";
import "./style/upload.css";
import "./style/image.css";
import "./style/operations.css";

function App() {
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
        <nav aria-label="Views">
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
          <Icon name="alert" /> The server cannot be reached. Reconnecting automatically.
        </p>
      )}
    </div>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
