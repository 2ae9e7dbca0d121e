/**
 * The headers that the page must be served with, wherever that is. `store` is the origin that uploads are sent to,
 * `media` the one that variants are shown from: the page's own on a deployed stage, which then need not be named.
 */
export function pageHeaders({ store, media }: { store: string; media?: string }): Record<string, string> {
  const policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    // blob: pictures that are about to be uploaded. data: blurred previews and PhotoSwipe's.
    "img-src": ["'self'", media, "blob:", "data:"],
    "connect-src": ["'self'", store],
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  };
  const directives = Object.entries(policy).map(([name, sources]) =>
    [name, ...[sources].flat().filter((source) => source !== undefined)].join(" "),
  );
  return {
    "content-security-policy": directives.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}
