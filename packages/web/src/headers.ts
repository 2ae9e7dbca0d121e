/**
 * Response headers of the page, a content security policy above all. `store` is the origin of the uploads bucket,
 * `media` the origin of variants if it is not the page's own (as it is on a deployed stage).
 */
export function pageHeaders({ store, media }: { store: string; media?: string }): Record<string, string> {
  const policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    // blob: previews of files to upload. data: placeholders and PhotoSwipe.
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
