/** Hooks for React Native, and props of `expo-image`. Uses neither the DOM nor browser globals. */
export { type ExpoImage, expoImage } from "./expo.ts";
export { type ImagesOptions, type ImagesState, useImages } from "./use-images.ts";
export { type UploadOptions, type UploadState, useUpload } from "./use-upload.ts";
export { useUploads } from "./use-uploads.ts";
