/** The files on their way, in a corner of every room: how far each is, and what went wrong. */
import { useState } from "preact/hooks";
import { route } from "../address.ts";
import { isReachable } from "../connection.ts";
import { bytes } from "../format.ts";
import { Icon } from "../icons.tsx";
import { format } from "../route.ts";
import {
  cancel,
  clear,
  isRunning,
  progress,
  retry,
  type State,
  type Transfer,
  transfers,
} from "./transfers.ts";

export function Tray() {
  const [isOpen, setOpen] = useState(true);
  if (transfers.value.length === 0) return null;
  const { count, over, sent, total } = progress.value;
  const isDone = over === count;
  return (
    <section class="tray" aria-label="Uploads">
      <div class="tray-head">
        <h2 aria-live="polite">{summary()}</h2>
        <button
          type="button"
          class="quiet"
          aria-expanded={isOpen}
          aria-label={isOpen ? "Fold the uploads" : "Unfold the uploads"}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? "down" : "up"} />
        </button>
        {isDone ? (
          <button type="button" class="quiet" aria-label="Close the uploads" onClick={clear}>
            <Icon name="close" />
          </button>
        ) : null}
      </div>
      {isDone ? null : (
        <progress aria-label="All uploads" value={sent} max={Math.max(1, total)}>
          {Math.round((sent / Math.max(1, total)) * 100)} %
        </progress>
      )}
      {isOpen ? (
        <ul>
          {transfers.value.map((transfer) => (
            <Line key={transfer.key} transfer={transfer} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

function summary(): string {
  const { count, over, ready } = progress.value;
  if (!isReachable.value && over < count) return "Waiting for the server";
  if (over < count) return `Adding ${over + 1} of ${count}`;
  if (count === 0) return "Nothing added";
  return ready === count ? `${count} added` : `${ready} added, ${count - ready} not`;
}

function Line({ transfer }: { transfer: Transfer }) {
  const { file, preview, ratio, state, sent, why, imageID } = transfer;
  const name = file.name || "Picture from the clipboard";
  const isOver = !isRunning(state.value);
  const id = state.value === "ready" ? imageID.value : undefined;
  // What the browser cannot decode: HEIC in most of them, and what is no picture at all.
  const [isShowable, setShowable] = useState(true);
  return (
    <li class={`transfer ${state.value}`}>
      {isShowable ? (
        <img
          src={preview}
          alt=""
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
            ratio.value = naturalHeight > 0 ? naturalWidth / naturalHeight : undefined;
          }}
          onError={() => setShowable(false)}
        />
      ) : (
        <span class="unknown">
          <Icon name="picture" />
        </span>
      )}
      <div>
        {id ? (
          <a class="name" href={format({ ...route.value, page: "gallery", imageID: id })}>
            {name}
          </a>
        ) : (
          <span class="name">{name}</span>
        )}
        <span class="what">
          {why.value
            ? `${why.value.what} ${why.value.help ?? ""}`
            : inWords(state.value, sent.value, file.size)}
        </span>
        {state.value === "uploading" ? (
          <progress aria-label={name} value={sent.value} max={Math.max(1, file.size)} />
        ) : null}
      </div>
      {state.value === "waiting" || state.value === "uploading" ? (
        <button type="button" class="quiet" aria-label={`Cancel ${name}`} onClick={() => cancel(transfer)}>
          <Icon name="close" />
        </button>
      ) : null}
      {state.value === "failed" || state.value === "cancelled" ? (
        <button type="button" class="quiet" aria-label={`Try ${name} again`} onClick={() => retry(transfer)}>
          <Icon name="again" />
        </button>
      ) : null}
      {isOver && (state.value === "ready" || state.value === "refused") ? (
        <span class="mark">
          <Icon name={state.value === "ready" ? "check" : "alert"} />
        </span>
      ) : null}
    </li>
  );
}

function inWords(state: State, sent: number, total: number): string {
  switch (state) {
    case "waiting":
      return "Waiting its turn";
    case "uploading":
      if (!isReachable.value) return "Waiting for the server";
      return sent < total ? `${bytes(sent)} of ${bytes(total)}` : "Arriving";
    case "processing":
      return "Making its sizes";
    case "ready":
      return "Ready";
    case "cancelled":
      return "Cancelled";
    default:
      return "";
  }
}
