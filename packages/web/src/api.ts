/** The API, as this page talks to it: by the public client alone, at the page's own address. */
import { createClient } from "@image-pipeline/client/client";
import { found, lost } from "./connection.ts";
import { mustSignIn, token } from "./session.ts";

const options = { baseUrl: location.origin, token: () => token.peek(), fetch: observed };

/** For what somebody looks at: an error is shown after some seconds of trying. */
export const api = createClient(options);

/** How often an upload's steps are tried: as long as the page is open, for nobody wants to drop the files again. */
export const patience = 100_000;

/** For uploads, which wait for a server that is gone. */
export const patient = createClient({ ...options, tries: patience });

async function observed(url: string, init: RequestInit): Promise<Response> {
  try {
    // A deletion is finished even if the page is closed on it.
    const response = await fetch(url, { ...init, keepalive: init.method === "DELETE" });
    found();
    if (response.status === 401) mustSignIn.value = true;
    return response;
  } catch (error) {
    if (error instanceof TypeError) lost();
    throw error;
  }
}
