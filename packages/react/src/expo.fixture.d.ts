/**
 * Declarations of Expo and React Native that docs/mobile.md uses, copied from expo-file-system 58.0.2, expo-image 58.0.18
 * and expo-image-picker 57.0.20 (all MIT). The packages themselves install React Native, some 400 MB.
 */
declare module "expo-file-system" {
  type UploadOptions = {
    /** @default 'POST' */
    httpMethod?: "POST" | "PUT" | "PATCH";
    headers?: Record<string, string>;
    mimeType?: string;
    onProgress?: (data: { bytesSent: number; totalBytes: number }) => void;
    sessionType?: "background" | "foreground";
    signal?: AbortSignal;
  };
  export class File {
    constructor(...uris: string[]);
    upload(
      url: string,
      options?: UploadOptions,
    ): Promise<{ body: string; status: number; headers: Record<string, string> }>;
  }
}

declare module "expo-image" {
  import type { ReactElement } from "react";

  type ImageSource = {
    uri?: string;
    headers?: Record<string, string>;
    width?: number | null;
    height?: number | null;
    blurhash?: string;
    thumbhash?: string;
    cacheKey?: string;
  };
  export function Image(props: {
    source?: ImageSource | (string & {}) | number | ImageSource[] | string[] | null;
    placeholder?: ImageSource | string | number | ImageSource[] | string[] | null;
    style?: { aspectRatio?: number | string };
    accessibilityLabel?: string;
  }): ReactElement;
}

declare module "expo-image-picker" {
  type ImagePickerAsset = {
    uri: string;
    width: number;
    height: number;
    fileName?: string | null;
    fileSize?: number;
    mimeType?: string;
  };
  export function launchImageLibraryAsync(options?: {
    mediaTypes?: "images" | "videos" | ("images" | "videos" | "livePhotos")[];
    quality?: number;
  }): Promise<{ canceled: false; assets: ImagePickerAsset[] } | { canceled: true; assets: null }>;
}

declare module "react-native" {
  import type { ReactElement, ReactNode } from "react";

  export function Button(props: { title: string; onPress?: () => void }): ReactElement;
  export function Text(props: { children?: ReactNode }): ReactElement;
  export function View(props: { children?: ReactNode }): ReactElement;
}
