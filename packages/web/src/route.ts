/** Where in the page somebody is, as it stands in the address's hash: so that one file serves every route. */
import type { Status } from "@image-pipeline/client/client";

/** Which images are shown. A status and a tag exclude each other, as they do in the API. Days in local time, both included. */
export type Filter = { status?: Status; tag?: string; from?: string; to?: string };

export type Route = { page: "gallery" | "operations"; imageID?: string; filter: Filter };

const statuses: readonly string[] = [
  "pending",
  "processing",
  "ready",
  "rejected",
  "failed",
] satisfies Status[];

/** The route that a hash stands for. What it does not understand is left out. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const status = query.get("status") ?? "";
  const tag = query.get("tag") ?? "";
  const filter: Filter = {
    ...(tag ? { tag } : statuses.includes(status) ? { status: status as Status } : {}),
    ...dayOf("from", query.get("from")),
    ...dayOf("to", query.get("to")),
  };
  const [, imageID] = /^images\/(img_\w+)$/.exec(path) ?? [];
  return { page: path === "operations" ? "operations" : "gallery", ...(imageID ? { imageID } : {}), filter };
}

function dayOf(name: "from" | "to", day: string | null): Filter {
  return day && /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? { [name]: day } : {};
}

/** The hash of a route. `parse` reads it back. */
export function format({ page, imageID, filter }: Route): string {
  const search = new URLSearchParams(filter).toString();
  const path = page === "operations" ? "operations" : imageID ? `images/${imageID}` : "";
  return `#/${path}${search ? `?${search}` : ""}`;
}
