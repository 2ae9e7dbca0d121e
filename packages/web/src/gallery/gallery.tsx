/** The gallery: filters, grid, and its empty, loading and error states. */
import { ClientError } from "@image-pipeline/client";
import { go, route } from "../router.ts";
import { mustSignIn } from "../sign-in.tsx";
import { Pickers } from "../upload/input.tsx";
import { wordsOf } from "../words.ts";
import { Filters } from "./filters.tsx";
import { Grid } from "./grid.tsx";
import { list, tiles } from "./list.ts";
import { SelectionBar } from "./selection.tsx";

/** The gallery of the current route's filter. */
export function Gallery() {
  const count = list.value.waiting.value.length;
  return (
    <>
      <h1 class="hidden-label">Gallery</h1>
      <Filters />
      <p id="grid-keys" class="hidden-label">
        Move with the arrow keys, open with Enter, select with the space bar, delete with Delete.
      </p>
      {count > 0 ? (
        <button
          type="button"
          class="button primary arrivals"
          onClick={() => {
            list.value.show();
            scrollTo({ top: 0 });
          }}
        >
          {count === 1 ? "1 new image" : `${count} new images`}
        </button>
      ) : null}
      <Grid />
      <Foot />
      <SelectionBar />
    </>
  );
}

/** State of the list below its last row. */
function Foot() {
  const { error, isLoading, isComplete, more } = list.value;
  const isEmpty = tiles.value.length === 0;
  if (error.value) return <Trouble error={error.value} onRetry={more} />;
  if (isLoading.value) {
    return isEmpty ? (
      <Waiting />
    ) : (
      <p class="foot" role="status">
        <i class="spinner" aria-hidden="true" /> Loading more
      </p>
    );
  }
  if (!isEmpty || !isComplete.value) return null;
  if (route.value.filter.status === "trashed") return <EmptyTrash />;
  return Object.keys(route.value.filter).some((name) => name !== "sort") ? <NothingFound /> : <Welcome />;
}

/** Skeleton of the first rows. */
function Waiting() {
  return (
    <div class="waiting" role="status" aria-label="Loading images">
      {[1.5, 0.8, 1.4, 1, 1.6, 1.2, 0.75, 1.5, 1.8, 1].map((ratio, index) => (
        <i
          key={index}
          style={{ flexGrow: ratio * 10, flexBasis: `${ratio * 12}rem`, aspectRatio: `${ratio}` }}
        />
      ))}
    </div>
  );
}

function Welcome() {
  return (
    <section class="empty">
      <h2>No images yet</h2>
      <p>Drop images or folders anywhere on this page, paste an image or its URL, or choose files.</p>
      <Pickers />
    </section>
  );
}

function EmptyTrash() {
  return (
    <section class="empty">
      <h2>The trash is empty</h2>
      <p>On a server with a trash, deleted images stay here for some days and can be restored.</p>
      <button type="button" class="button" onClick={() => go({ filter: {} })}>
        Show all images
      </button>
    </section>
  );
}

function NothingFound() {
  return (
    <section class="empty">
      <h2>No image matches</h2>
      <p>No image has all that the filters ask for.</p>
      <button type="button" class="button" onClick={() => go({ filter: {} })}>
        Show all images
      </button>
    </section>
  );
}

function Trouble({ error, onRetry }: { error: unknown; onRetry: () => Promise<void> }) {
  const { what, help } = wordsOf(error);
  const isSignedOut = error instanceof ClientError && error.code === "unauthenticated";
  // The sign-in form is open and shows the same error.
  if (isSignedOut && mustSignIn.value) return null;
  return (
    <section class="empty" role="alert">
      <h2>{what}</h2>
      {help ? <p>{help}</p> : null}
      <button
        type="button"
        class="button"
        onClick={() => {
          if (isSignedOut) mustSignIn.value = true;
          else void onRetry();
        }}
      >
        {isSignedOut ? "Sign in" : "Try again"}
      </button>
    </section>
  );
}
