/** The API reference at `/docs`: Scalar, served from the API's own origin and without any other request. */
import { gzipSync } from "node:zlib";

/** Scalar's script, where `infra/api.ts` puts it next to the bundle and where npm installs it. */
export const scriptFiles = ["scalar.js", "node_modules/@scalar/api-reference/dist/browser/standalone.js"];

/** Scalar sets styles at run time; scripts are the origin's own, and so are the requests that a reader tries out. */
export const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="alternate" type="text/markdown" href="/docs/api.md">
<title>Images API</title>
</head>
<body>
<nav style="padding: 0.5rem 1rem; font: 0.875rem system-ui"><a href="/">Gallery</a></nav>
<div id="reference"></div>
<script src="/docs/reference.js"></script>
</body>
</html>
`;

/** Neither fonts nor an assistant nor telemetry: each would be a request to another host. */
const options = {
  url: "/openapi.json",
  defaultOpenAllTags: true,
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: "never",
  documentDownloadType: "none",
};

/**
 * Starts Scalar. The `type` of a problem is this page's URL with `#` and the code: once Scalar has rendered the code's
 * row, the page scrolls to it. Text and not a function, whose names a minifier would change.
 */
const start = `
const code = /^#([a-z_]+)$/.exec(location.hash)?.[1];
if (code) {
  new MutationObserver((_, observer) => {
    const cells = [...document.querySelectorAll("td code")];
    const row = cells.find(({ textContent }) => textContent === code)?.closest("tr");
    if (!row) return;
    observer.disconnect();
    row.style.outline = "2px solid";
    row.scrollIntoView({ block: "center" });
  }).observe(document.body, { childList: true, subtree: true });
}
Scalar.createApiReference("#reference", ${JSON.stringify(options)});
`;

/** Returns the page's script, gzipped: Lambda responds with at most 6 MB, and Scalar has 4.4. */
export const scriptOf = (scalar: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(gzipSync(`${scalar}\n{${start}}`));
