/** Entry of the page: header, the view of the route, and what is shown over every view. */
/// <reference types="vite/client" />
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { isReachable } from "./api.ts";
import { Icon } from "./controls.tsx";
import { isChanging } from "./deletion.ts";
import { Gallery } from "./gallery/gallery.tsx";
import { Detail } from "./image/detail.tsx";
import { drafts } from "./image/draft.ts";
import { Operations } from "./operations/operations.tsx";
import { format } from "./route.ts";
import { route } from "./router.ts";
import { SignIn } from "./sign-in.tsx";
import { Confirmation, Toasts } from "./toasts.tsx";
import { AddButtons, DropZone } from "./upload/input.tsx";
import { isSending, transfers } from "./upload/transfers.ts";
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
        <a class="brand" tabIndex={-1} href={format({ page: "gallery", filter: {} })}>
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
          <a href="./docs">API</a>
        </nav>
        <AddButtons />
      </header>
      <Offline />
      <main id="main" tabIndex={-1}>
        {page === "operations" ? <Operations /> : page === "gallery" ? <Gallery /> : <NotFound />}
      </main>
      {page === "gallery" && imageID ? <Detail key="detail" id={imageID} /> : null}
      <Tray />
      <Toasts />
      <Confirmation />
      <SignIn />
    </DropZone>
  );
}

function NotFound() {
  return (
    <section class="empty">
      <h1>Page not found</h1>
      <p>The URL may be mistyped.</p>
      <a class="button" href={format({ page: "gallery", filter: {} })}>
        Back to the gallery
      </a>
    </section>
  );
}

// Asks before the page is left during an upload or a deletion, or with unsaved changes.
addEventListener("beforeunload", (event) => {
  const isUploading = transfers.peek().some(({ state }) => isSending(state.peek()));
  if (isUploading || isChanging.peek() || drafts.peek().size > 0) event.preventDefault();
});

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
