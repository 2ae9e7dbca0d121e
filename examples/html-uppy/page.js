import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";
import { createClient } from "@image-pipeline/client";
import { thumbhashURL } from "@image-pipeline/client/placeholder";
import { srcset } from "@image-pipeline/client/show";
import AwsS3 from "@uppy/aws-s3";
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";

const api = import.meta.env.VITE_IMAGES_URL ?? "http://127.0.0.1:3000";

// On a deployed stage, pass a function as `token` that returns the JWT of the signed-in user, and send it to
// /uploads/sign as well. An API key must not reach the browser.
const { images } = createClient({ baseUrl: api });
const gallery = document.querySelector("#gallery");
const status = document.querySelector("#status");

/** Ids of the images by object key. */
const ids = new Map();

new Uppy({ restrictions: { allowedFileTypes: ["image/*"] } })
  .use(Dashboard, {
    target: "#uppy",
    inline: true,
    width: "100%",
    height: 320,
    theme: "auto",
    proudlyDisplayPoweredByUppy: false,
    note: "JPEG, PNG, WebP, AVIF, GIF or HEIC, up to 25 MB",
  })
  .use(AwsS3, {
    // The API accepts 25 MiB by default: no file needs parts.
    shouldUseMultipart: false,
    async signRequest(request) {
      const response = await fetch(`${api}/uploads/sign`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      });
      const signed = await response.json();
      if (!response.ok) throw new Error(signed.detail ?? signed.title);
      ids.set(signed.key, signed.id);
      return signed;
    },
  })
  .on("upload-success", async (file, { body }) => {
    status.textContent = `Processing ${file.name}`;
    const image = await images.wait(ids.get(body.key));
    status.textContent = "";
    if (image.status === "ready") gallery.prepend(pictureOf(image));
    else status.textContent = `${file.name}: ${image.error?.message ?? image.status}`;
  });

for await (const image of images.list({ status: "ready", limit: 24 })) {
  gallery.append(pictureOf(image));
  if (gallery.childElementCount === 24) break;
}

/** Returns an `<img>` that has its shape and its placeholder before the file is loaded. */
function pictureOf(image) {
  const { width, height } = image.variants.large;
  const picture = new Image(width, height);
  picture.alt = image.alt ?? image.title ?? "";
  picture.loading = "lazy";
  picture.style.backgroundImage = `url(${thumbhashURL(image.placeholder.thumbhash)})`;
  picture.sizes = "(min-width: 40rem) 20rem, 100vw";
  picture.srcset = srcset(image);
  return picture;
}
