/** Who is at the page. A token is kept in memory alone: a reload forgets it, and no other page can read it. */
import { signal } from "@preact/signals";

/** A JWT or an API key, as the person entered it. */
export const token = signal<string | undefined>(undefined);

/** Whether the API wants to know who is asking: it refused the last request for want of a token, or the token. */
export const mustSignIn = signal(false);

/** Uses this token from now on. */
export function signIn(given: string): void {
  token.value = given.trim();
  mustSignIn.value = false;
}
