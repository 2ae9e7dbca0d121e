/** `Accept` headers with which clients load images, and the format that they get of a variant in all three. */
export const accepts = [
  {
    client: "Chrome 130",
    accept: "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    extension: "avif",
  },
  {
    client: "Firefox 130",
    accept: "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    extension: "avif",
  },
  {
    client: "Safari 17",
    accept:
      "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    extension: "avif",
  },
  {
    client: "Safari 14",
    accept: "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    extension: "webp",
  },
  {
    client: "Safari 13",
    accept: "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    extension: "jpg",
  },
  { client: "okhttp, which sends no Accept", accept: undefined, extension: "jpg" },
  { client: "curl", accept: "*/*", extension: "jpg" },
] as const;
