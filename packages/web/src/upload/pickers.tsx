/** The ways to pick files: some, a whole folder, or with a phone's camera. */
import { useRef } from "preact/hooks";
import { Icon } from "../icons.tsx";
import { add } from "./transfers.ts";

/** What a picker offers at first. The bytes decide, not the name. */
const accept = "image/*,.heic,.heif,.avif";

/** The button in the page's head. */
export function AddButton() {
  return (
    <Picker class="button primary" attributes={{ multiple: true, accept }}>
      <Icon name="add" /> <span>Add</span>
      <span class="wide"> images</span>
    </Picker>
  );
}

/** All the ways, for a page that has no images yet. */
export function Pickers() {
  return (
    <div class="pickers">
      <Picker class="button primary" attributes={{ multiple: true, accept }}>
        <Icon name="picture" /> Choose files
      </Picker>
      <Picker class="button" attributes={{ multiple: true, webkitdirectory: true }}>
        <Icon name="folder" /> Choose a folder
      </Picker>
      <Picker class="button touch" attributes={{ accept: "image/*", capture: "environment" }}>
        <Icon name="camera" /> Take a photo
      </Picker>
    </div>
  );
}

type Attributes = { multiple?: boolean; accept?: string; webkitdirectory?: boolean; capture?: "environment" };

function Picker(props: { class: string; attributes: Attributes; children: preact.ComponentChildren }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={props.class} onClick={() => input.current?.click()}>
        {props.children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        {...props.attributes}
        onChange={({ currentTarget }) => {
          add([...(currentTarget.files ?? [])]);
          // So that the same file can be picked again.
          currentTarget.value = "";
        }}
      />
    </>
  );
}
