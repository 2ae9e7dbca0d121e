/**
 * React components and hooks for the image pipeline, for browsers and for rendering on a server. React Native:
 * `@image-pipeline/react/native`.
 *
 * ```tsx
 * const client = createClient({ baseUrl: "https://images.example.com" });
 *
 * function Gallery() {
 *   const { images, refresh } = useImages(client, { status: "ready" });
 *   return (
 *     <>
 *       <UploadButton client={client} multiple onUploaded={refresh} />
 *       {images.map((image) => <Picture key={image.id} image={image} sizes="50vw" />)}
 *     </>
 *   );
 * }
 * ```
 */
export { Picture, type PictureProps } from "./picture.tsx";
export { UploadButton, type UploadButtonProps, type UploadButtonWords } from "./upload-button.tsx";
export { type ImagesOptions, type ImagesState, useImages } from "./use-images.ts";
export { type UploadOptions, type UploadState, useUpload } from "./use-upload.ts";
export { useUploads } from "./use-uploads.ts";
