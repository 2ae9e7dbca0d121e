import { render } from "preact";
import { App } from "./app.tsx";
import "./style/base.css";
import "./style/gallery.css";
import "./style/upload.css";
import "./style/image.css";
import "./style/operations.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
