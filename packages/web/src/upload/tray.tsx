/** List of uploads with their progress and errors, in a corner of every view. */
import { useState } from "preact/hooks";
import { isReachable } from "../api.ts";
import { Icon } from "../controls.tsx";
import { bytes } from "../format.ts";
import { format } from "../route.ts";
import { route } from "../router.ts";
import { statusNames } from "../words.ts";
import {
  cancel,
  clear,
  isRunning,
  progress,
  retry,
  retryFailed,
  type State,
  type Transfer,
  transfers,
} from "./transfers.ts";

/** The list of uploads; nothing if there are none. */
export function Tray() {
  const [isOpen, setOpen] = useState(true);
  if (transfers.value.length === 0) return null;
  const { count, over, failed, sent, total } = progress.value;
  const isDone = over === count;
  return (
    <section class="tray" aria-label="Uploads">
      <div class="tray-head">
        <h2 aria-live="polite">{summary()}</h2>
        <button
          type="button"
          class="quiet"
          aria-expanded={isOpen}
          aria-label={isOpen ? "Collapse uploads" : "Expand uploads"}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name={isOpen ? "down" : "up"} />
        </button>
        {isDone ? (
          <button type="button" class="quiet" aria-label="Close uploads" onClick={clear}>
            <Icon name="close" />
          </button>
        ) : null}
      </div>
      {isDone ? null : (
        <progress aria-label="All uploads" value={sent} max={Math.max(1, total)}>
          {Math.round((sent / Math.max(1, total)) * 100)} %
        </progress>
      )}
      {isDone && failed > 1 ? (
        <p class="tray-actions">
          <button type="button" class="button" onClick={retryFailed}>
            <Icon name="again" /> Retry {failed} failed
          </button>
        </p>
      ) : null}
      {isOpen ? (
        <ul>
          {failuresFirst(transfers.value).map((transfer) => (
            <Line key={transfer.key} transfer={transfer} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}

/** Failed uploads first, then rejected ones: they need a decision. The others keep their order. */
function failuresFirst(all: readonly Transfer[]): readonly Transfer[] {
  const rank = ({ state: { value } }: Transfer) => (value === "failed" ? 0 : value === "rejected" ? 1 : 2);
  return all.toSorted((a, b) => rank(a) - rank(b));
}

function summary(): string {
  const { count, over, ready } = progress.value;
  if (!isReachable.value && over < count) return "Waiting for the server";
  if (over < count) return `Uploading ${over + 1} of ${count}`;
  if (count === 0) return "Nothing uploaded";
  return ready === count ? `${count} uploaded` : `${ready} uploaded, ${count - ready} not`;
}

function Line({ transfer }: { transfer: Transfer }) {
  const { file, preview, ratio, state, sent, why, imageID } = transfer;
  const name = file.name || "Image from the clipboard";
  const isOver = !isRunning(state.value);
  const id = state.value === "ready" ? imageID.value : undefined;
  // False for files that the browser cannot decode: HEIC in most browsers, and files that are not images.
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
          <a class="name truncate" href={format({ ...route.value, page: "gallery", imageID: id })}>
            {name}
          </a>
        ) : (
          <span class="name truncate">{name}</span>
        )}
        <span class="what">
          {why.value
            ? `${why.value.what} ${why.value.help ?? ""}`
            : textOf(state.value, sent.value, file.size)}
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
      {isOver && (state.value === "ready" || state.value === "rejected") ? (
        <span class="mark">
          <Icon name={state.value === "ready" ? "check" : "alert"} />
        </span>
      ) : null}
    </li>
  );
}

function textOf(state: State, sent: number, total: number): string {
  switch (state) {
    case "waiting":
      return "Waiting";
    case "uploading":
      if (!isReachable.value) return "Waiting for the server";
      return sent < total ? `${bytes(sent)} of ${bytes(total)}` : "Uploading";
    case "processing":
    case "ready":
      return statusNames[state];
    case "cancelled":
      return "Cancelled";
    default:
      return "";
  }
}
