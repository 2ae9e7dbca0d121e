/** @jsxImportSource react */
/** Pages of the tests of `@image-pipeline/react`, rendered by a server and in the browser. */
import type { Client, Image } from "@image-pipeline/client";
import type { Uploads } from "@image-pipeline/client/uploads";
import { Picture, UploadButton, useImages, useUploads } from "@image-pipeline/react";
import { type ReactElement, useState } from "react";

/** Pictures with a text below each, which moves if a picture changes its height. */
function Album({ images }: { images: readonly Image[] }): ReactElement {
  return (
    <main style={{ width: 300 }}>
      {images.map((image) => (
        <section key={image.id}>
          <Picture image={image} alt={image.title} />
          <p>{image.title}</p>
        </section>
      ))}
    </main>
  );
}

/** The same without the sizes of the images: a control of how a shift is measured. */
function Shifting({ images }: { images: readonly Image[] }): ReactElement {
  return (
    <main style={{ width: 300 }}>
      {images.map(({ id, title, variants }) => (
        <section key={id}>
          <img src={variants?.small?.url} alt={title} style={{ width: "100%" }} />
          <p>{title}</p>
        </section>
      ))}
    </main>
  );
}

/** A button that uploads, and the images of the API. */
function Desk({ client }: { client: Client }): ReactElement {
  const { images, refresh } = useImages(client, { tag: "desk" });
  const [isOpen, setOpen] = useState(true);
  return (
    <main>
      <h1>Desk</h1>
      {isOpen ? (
        <UploadButton
          client={client}
          multiple
          accept="image/jpeg"
          options={({ name }) => ({ tags: ["desk"], title: name })}
          onUploaded={refresh}
        >
          Add photos
        </UploadButton>
      ) : null}
      <button type="button" onClick={() => setOpen(false)}>
        Close
      </button>
      {images.map((image) => (
        <Picture key={image.id} image={image} alt={image.title} variant="thumbnail" style={{ width: 100 }} />
      ))}
    </main>
  );
}

/** A button that adds files to a queue, and the states of the queue. */
function Line({ uploads }: { uploads: Uploads }): ReactElement {
  const list = useUploads(uploads);
  return (
    <main>
      <h1>Queue</h1>
      <UploadButton uploads={uploads} multiple>
        Add photos
      </UploadButton>
      <ul>
        {list.map(({ id, filename, state }) => (
          <li key={id}>{`${filename} ${state}`}</li>
        ))}
      </ul>
    </main>
  );
}

/** The pages by name. */
export const pages = { Album, Shifting, Desk, Line };
