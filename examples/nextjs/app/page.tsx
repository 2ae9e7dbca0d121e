import { createClient } from "@image-pipeline/client";
import { Picture } from "@image-pipeline/react";
import { connection } from "next/server";
import { apiUrl, token } from "./api";
import { Photo } from "./photo";
import { Upload } from "./upload";

const { images } = createClient({ baseUrl: apiUrl, token });

export default async function Page() {
  // Renders the page for each request, and not once in the build.
  await connection();
  const { items } = await images.page({ status: "ready", limit: 24 });
  return (
    <main>
      <h1>Photos</h1>
      <Upload />
      {items[0] && <Picture className="newest" image={items[0]} loading="eager" />}
      <div className="grid">
        {items.map((image) => (
          <Photo key={image.id} image={image} />
        ))}
      </div>
    </main>
  );
}
