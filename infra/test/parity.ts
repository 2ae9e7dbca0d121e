/**
 * Requests that the embedded front door and a deployed stage answer alike, with the answer. `parity.test.ts` sends them to
 * both. In a path, `{file}` is the path of a variant under /media, `{asset}` that of the gallery's script and `{id}` an
 * image; in a header, `{etag}` and `{modified}` are those of the variant, and `{version}` the ETag of the image.
 */

/** A kind of body: a problem document, other JSON, S3's XML, a web page, text, the bytes of a file, or nothing. */
export type Kind = "problem" | "json" | "xml" | "html" | "text" | "file" | "none";

/** Headers that must have a value, or be absent (null). */
export type Headers = Record<string, string | RegExp | null>;

type Expected = { status: number; body: Kind; headers?: Headers };

export type Row = Expected & {
  name: string;
  method?: string;
  path: string;
  sent?: Record<string, string>;
  json?: string;
  /** The answer of S3 to the request for an existing file, and its source. By default 200 and the whole file. */
  s3?: { status: number; code?: string; headers?: Record<string, string>; source: string };
  /** Headers with other values, or on one side only, besides those of every row. */
  unequal?: readonly string[];
  /** A difference of the deployed stage: a key of `differences`, and what it answers there. */
  differs?: { as: keyof typeof differences; deployed: Partial<Expected> };
};

/** The known differences of rows, as docs/deploying.md lists them among others. */
export const differences = {
  methods: "Other methods than GET, HEAD and, for `/media`, OPTIONS",
  asset: "A missing file under `/assets`",
  brotli: "Compression",
  sites: "Pages of other sites",
} as const;

/** A page that the stage names in `CORS_ORIGINS`. */
export const app = "https://app.example.com";
/** A page that it does not name. */
export const foreign = "https://evil.example";
/** Headers that Sentry, OpenTelemetry, Datadog and libraries of XMLHttpRequest add to a page's requests. */
export const tracing =
  "authorization,baggage,content-type,sentry-trace,traceparent,tracestate,x-datadog-trace-id,x-requested-with";

/** Returns the method and the headers of a preflight. */
export const preflight = (origin: string, method: string, headers = tracing) => ({
  method: "OPTIONS",
  sent: {
    origin,
    "access-control-request-method": method,
    ...(headers && { "access-control-request-headers": headers }),
  },
});

/** CloudFront refuses the method. */
export const refused = { as: "methods", deployed: { status: 403, body: "html" } } as const;
