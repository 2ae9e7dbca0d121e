"use client";
import { createClient } from "@image-pipeline/client";
import { UploadButton } from "@image-pipeline/react";
import { useRouter } from "next/navigation";

/** The client of the browser: its requests go through `api/[...path]/route.ts`. */
const client = createClient({ baseUrl: "/api" });

/** Button that uploads photos and then renders the page again. */
export function Upload() {
  const router = useRouter();
  return (
    <p>
      <UploadButton client={client} multiple className="button" onUploaded={() => router.refresh()}>
        Add photos
      </UploadButton>
    </p>
  );
}
