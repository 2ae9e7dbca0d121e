import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Gallery } from "./gallery.tsx";
import { Queue } from "./queue.tsx";
import "./style.css";

createRoot(document.querySelector("#root") as HTMLElement).render(
  <StrictMode>
    <main>
      <h1>Photos</h1>
      <Queue />
      <Gallery />
    </main>
  </StrictMode>,
);
