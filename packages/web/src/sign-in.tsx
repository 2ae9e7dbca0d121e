/** Authentication of the page: the token, and the form that asks for it. */
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { Dialog } from "./controls.tsx";

/** A JWT or an API key. Kept in memory only: a reload forgets it, and no other page can read it. */
export const token = signal<string | undefined>(undefined);

/** True after the API responded 401, until a token is entered or the form is closed. */
export const mustSignIn = signal(false);

/** The sign-in form, shown while `mustSignIn` is true. */
export function SignIn() {
  return mustSignIn.value ? <Form /> : null;
}

function Form() {
  const [given, setGiven] = useState("");
  const wasRefused = token.value !== undefined;
  const close = () => {
    mustSignIn.value = false;
  };
  return (
    <Dialog class="sheet" label="Sign in" onClose={close}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          token.value = given.trim();
          close();
        }}
      >
        <h2>Sign in</h2>
        <p>
          {wasRefused ? "This token was not accepted. " : ""}
          Enter a token (JWT) or an API key. It is kept in memory only and is gone after a reload.
        </p>
        <label>
          Token or key
          <input
            type="password"
            autocomplete="off"
            required
            value={given}
            aria-invalid={wasRefused}
            onInput={({ currentTarget }) => setGiven(currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Not now
          </button>
          <button type="submit" class="button primary" disabled={!given.trim()}>
            Sign in
          </button>
        </div>
      </form>
    </Dialog>
  );
}
